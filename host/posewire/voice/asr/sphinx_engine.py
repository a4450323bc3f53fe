"""PocketSphinx as it works in a worker process: a bounded number of decoders for the utterances of many streams.

A stream's utterances follow each other on one microphone: the sound of the first (the mean of the features) is where
the next one begins. That is worth more than anything else here; ``docs/performance.md`` has numbers.
"""

from collections.abc import Callable, Mapping
from typing import Any

from posewire.sound.pcm import Pcm
from posewire.voice.asr.base import Transcript
from posewire.voice.asr.sphinx_decoders import CommandDecoder, DictationDecoder, SphinxConfig, SphinxDecoder


def engine(configuration: Mapping[str, Any]) -> "SphinxEngine":
    """Make the engine in its worker.

    Raises:
        ProviderError: pocketsphinx is not installed or does not load.
        ConfigError: a word of the grammar has no pronunciation; the message names it.
    """
    return SphinxEngine(SphinxConfig(**configuration))


class SphinxEngine:
    """A bounded number of decoders, made when first needed; a ``BlockingEngine``."""

    def __init__(self, config: SphinxConfig) -> None:
        self._made = 0
        self._max_decoders = config.decoders
        self._make: Callable[[], SphinxDecoder] = (
            (lambda: CommandDecoder(config)) if config.jsgf else (lambda: DictationDecoder())
        )
        self._idle: list[SphinxDecoder] = []
        self._idle.append(self._new())

    def start(self, acoustics: str) -> "SphinxUtterance | None":
        """Begin an utterance with the acoustic profile of its stream; return None while all decoders are busy."""
        if not self._idle:
            if self._made == self._max_decoders:
                return None
            self._idle.append(self._new())
        return SphinxUtterance(self._idle.pop(), self._idle, acoustics)

    def _new(self) -> SphinxDecoder:
        self._made += 1
        return self._make()


class SphinxUtterance:
    """One utterance; a ``BlockingUtterance``."""

    def __init__(self, decoder: SphinxDecoder, idle: list[SphinxDecoder], acoustics: str) -> None:
        self.acoustics = acoustics
        self._decoder: SphinxDecoder | None = decoder
        self._idle = idle
        decoder.begin(acoustics)

    @property
    def partial(self) -> str:
        """The words so far; empty with a grammar, whose best path means little before the end."""
        return self._decoder.partial if self._decoder is not None else ""

    def feed(self, pcm: Pcm) -> None:
        """Decode 16 kHz mono samples."""
        if self._decoder is not None:
            self._decoder.process(pcm)

    def end(self) -> Transcript:
        """Return the transcript."""
        decoder, self._decoder = self._decoder, None
        assert decoder is not None
        decoder.stop()
        self._idle.append(decoder)
        self.acoustics = decoder.acoustics_after(self.acoustics)
        return decoder.result()

    def release(self) -> None:
        """Give the decoder back."""
        if self._decoder is not None:
            self._decoder.stop()
            self._idle.append(self._decoder)
            self._decoder = None
