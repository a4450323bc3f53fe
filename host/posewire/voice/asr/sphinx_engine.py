"""PocketSphinx, as it works in a worker process: commands by a grammar, or free dictation.

The grammar decoder always finds the nearest command, even in "the weather is nice today". So a second decoder, free to
follow any phones, runs on the same sound, and a command is accepted only when the score is not below the threshold: its
log-likelihood per 10 ms frame against the free decoder's, less three times the part of the speech that none of its
words covers (the grammar decoder likes to put what does not fit into its noise models).

A session's utterances follow each other on one microphone: what the first says about its sound (the mean of the
features) is where the next one begins. That is worth more than anything else here; ``docs/performance.md`` has numbers.
"""

import logging
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.errors import ConfigError, ProviderError
from posewire.voice.asr.base import Transcript

_log = logging.getLogger(__name__)

_MIN_COVERAGE = 0.5
"""Part of the speech that the words must cover."""

_UNCOVERED_COST = 3.0
"""What speech that no word covers costs in the score: other sentences match a few words well and leave the rest."""

_DITHER = 20
"""Largest noise sample added: the front end takes the logarithm of energies, and digital silence has none."""

_TELLING = 16_000
"""An utterance of so many samples says something about the microphone."""

_LEARNING = 0.3
"""What an utterance changes in what is known of a session's sound."""

_PARTIAL_EVERY = 8000
"""Samples of dictation between two looks at the words so far."""

_SCORE_SCALE = 1 << 10
"""The decoders keep log-likelihoods shifted right by ten bits."""

# Without the search for the best path in the word lattice: it makes the end of an utterance take 0.1 s instead of
# 5 ms, is no better with a grammar, and gives scores in another unit than the phone decoder's.
_BEAMS: Mapping[str, float | bool] = {"beam": 1e-40, "wbeam": 1e-24, "pbeam": 1e-40, "bestpath": False}
_PHONE_BEAMS: Mapping[str, float] = {"lw": 2.0, "beam": 1e-20, "pbeam": 1e-20}


@dataclass(frozen=True)
class SphinxConfig:
    """What the worker is told."""

    decoders: int
    threshold: float = 0.0
    jsgf: str = ""
    """The grammar; empty: dictation."""

    words: Mapping[str, str] | None = None
    """The grammar's words, each with the place that uses it first."""

    pronunciations: Mapping[str, str] | None = None


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
        self._config = config
        self._make: Callable[[], _Decoder] = (
            (lambda: CommandDecoder(config)) if config.jsgf else (lambda: DictationDecoder())
        )
        self._idle: list[_Decoder] = []
        self._idle.append(self._new())

    def start(self, channel: str) -> "SphinxUtterance | None":
        """Begin an utterance with what is known of the session's sound; None while all decoders are busy."""
        if not self._idle:
            if self._made == self._config.decoders:
                return None
            self._idle.append(self._new())
        return SphinxUtterance(self._idle.pop(), self._idle, channel)

    def _new(self) -> "_Decoder":
        self._made += 1
        return self._make()


class SphinxUtterance:
    """One utterance; a ``BlockingUtterance``."""

    def __init__(self, decoder: "_Decoder", idle: "list[_Decoder]", channel: str) -> None:
        self.channel = channel
        self._decoder: _Decoder | None = decoder
        self._idle = idle
        decoder.begin(channel)

    @property
    def partial(self) -> str:
        """The words so far; a grammar's best path means little before its end."""
        return self._decoder.partial if self._decoder is not None else ""

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Decode 16 kHz mono samples."""
        if self._decoder is not None:
            self._decoder.process(pcm)

    def end(self) -> Transcript:
        """Return what was heard."""
        decoder, self._decoder = self._decoder, None
        assert decoder is not None
        decoder.stop()
        self._idle.append(decoder)
        self.channel = decoder.channel_after(self.channel)
        return decoder.result()

    def drop(self) -> None:
        """Give the decoder back."""
        if self._decoder is not None:
            self._decoder.stop()
            self._idle.append(self._decoder)
            self._decoder = None


class _Decoder:
    """One or more decoders that hear the same, with the same noise under it."""

    partial = ""

    def __init__(self, *decoders: Any) -> None:
        self._decoders = decoders
        self._heard = 0
        self._default = decoders[0].get_cmn(False)
        self._noise = np.random.default_rng(0).integers(-_DITHER, _DITHER + 1, 16_000).astype(np.int16)

    def begin(self, channel: str = "") -> None:
        self._heard = 0
        self.partial = ""
        for decoder in self._decoders:
            # Nothing of one utterance may colour the next one, which is another person's in another room. (pocketsphinx
            # 5.1 calls start_stream unnecessary; without it scores depend on what came before.)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                decoder.start_stream()
            decoder.set_cmn(channel or self._default)
            decoder.start_utt()

    def process(self, samples: NDArray[np.int16]) -> None:
        # By position, not by call: how audio is cut into calls is chance, what is recognised must not be.
        noise = np.take(self._noise, np.arange(self._heard, self._heard + len(samples)), mode="wrap")
        self._heard += len(samples)
        noisy = np.clip(samples.astype(np.int32) + noise, -32768, 32767).astype(np.int16).tobytes()
        for decoder in self._decoders:
            decoder.process_raw(noisy, False, False)

    def stop(self) -> None:
        for decoder in self._decoders:
            decoder.end_utt()

    def channel_after(self, channel: str) -> str:
        """Return the mean of the features for the session's next utterance, which says how its sound is coloured."""
        if self._heard < _TELLING:
            return channel
        heard = self._decoders[0].get_cmn(True)
        if not channel:
            return str(heard)
        pairs = zip(channel.split(","), heard.split(","), strict=True)
        return ",".join(f"{float(old) + _LEARNING * (float(new) - float(old)):.4f}" for old, new in pairs)

    def result(self) -> Transcript:
        """Return what was heard."""
        raise NotImplementedError


class CommandDecoder(_Decoder):
    """A grammar decoder and a phone decoder.

    Raises:
        ProviderError: pocketsphinx is not installed or does not load.
        ConfigError: a word of the grammar has no pronunciation; the message names it.
    """

    def __init__(self, config: SphinxConfig) -> None:
        self._threshold = config.threshold
        self._commands = grammar_decoder(config)
        ps = import_pocketsphinx()
        self._phones = _load(allphone=ps.get_model_path("en-us/en-us-phone.lm.bin"), lm=None, dict=None, **_PHONE_BEAMS)
        super().__init__(self._commands, self._phones)

    def result(self) -> Transcript:
        """Return the command, accepted or not."""
        hypothesis = self._commands.hyp()
        words = _segments(self._commands.seg()) if hypothesis else []
        return judge(words, _segments(self._phones.seg()), self._threshold)


class DictationDecoder(_Decoder):
    """Any English words, by the language model that comes with PocketSphinx.

    Raises:
        ProviderError: pocketsphinx is not installed or does not load.
    """

    def __init__(self) -> None:
        ps = import_pocketsphinx()
        self._words = _load(
            lm=ps.get_model_path("en-us/en-us.lm.bin"), dict=ps.get_model_path("en-us/cmudict-en-us.dict")
        )
        self._looked = 0
        super().__init__(self._words)

    def process(self, samples: NDArray[np.int16]) -> None:
        """Decode, and look at the words twice a second."""
        super().process(samples)
        if self._heard // _PARTIAL_EVERY != self._looked:
            self._looked = self._heard // _PARTIAL_EVERY
            self.partial = self._text()

    def result(self) -> Transcript:
        """Return the words; whatever they are, they are accepted."""
        text = self._text()
        return Transcript(text, accepted=bool(text))

    def _text(self) -> str:
        hypothesis = self._words.hyp()
        return hypothesis.hypstr if hypothesis else ""


def grammar_decoder(config: SphinxConfig) -> Any:
    """Load a decoder with the grammar.

    Raises:
        ProviderError: pocketsphinx is not installed or does not load.
        ConfigError: a word has no pronunciation, or a wrong one; the message names it.
    """
    ps = import_pocketsphinx()
    decoder = _load(dict=ps.get_model_path("en-us/cmudict-en-us.dict"), lm=None, **_BEAMS)
    for word, phones in (config.pronunciations or {}).items():
        try:
            decoder.add_word(word, phones, True)
        except (RuntimeError, ValueError):
            raise ConfigError(
                f"pronunciations: {word}: {phones!r} is no list of ARPAbet phones without stress marks"
            ) from None
    for word, where in (config.words or {}).items():
        if decoder.lookup_word(word) is None:
            raise ConfigError(
                f"{where}: no pronunciation is known for {word!r}; add it to the section pronunciations, "
                'in ARPAbet, like "robot: R OW B AA T"'
            )
    try:
        decoder.add_jsgf_string("commands", config.jsgf)
    except RuntimeError as exc:
        raise ConfigError(f"the sentences make no grammar: {exc}") from None
    decoder.activate_search("commands")
    return decoder


def _load(**options: Any) -> Any:
    ps = import_pocketsphinx()
    try:
        return ps.Decoder(hmm=ps.get_model_path("en-us/en-us"), loglevel="FATAL", **options)
    except RuntimeError as exc:
        raise ProviderError(f"pocketsphinx does not load its English model ({exc}): reinstall it") from None


@dataclass(frozen=True)
class _Segment:
    word: str
    first: int
    last: int
    log_likelihood: float


def judge(words: list[_Segment], phones: list[_Segment], threshold: float) -> Transcript:
    """Accept or reject what the grammar decoder found, by what the phone decoder found in the same frames."""
    spoken = [segment for segment in words if not segment.word.startswith(("<", "[", "(", "+"))]
    if not spoken or not phones:
        return Transcript("", False)
    frames = max(words[-1].last, phones[-1].last) + 1
    score = (_total(words) - _total(phones)) / frames
    covered = np.zeros(frames, bool)
    for segment in spoken:
        covered[segment.first : segment.last + 1] = True
    sounding = np.zeros(frames, bool)
    for segment in phones:
        if segment.word != "SIL" and not segment.word.startswith(("+", "<", "(")):
            sounding[segment.first : segment.last + 1] = True
    coverage = float((covered & sounding).sum() / max(1, sounding.sum()))
    score -= _UNCOVERED_COST * (1 - coverage)
    text = " ".join(segment.word.split("(")[0] for segment in spoken)
    accepted = score >= threshold and coverage >= _MIN_COVERAGE
    _log.debug("%r score %.2f coverage %.2f: %s", text, score, coverage, "accepted" if accepted else "rejected")
    return Transcript(text, accepted, score, coverage)


def _total(segments: Iterable[_Segment]) -> float:
    return sum(segment.log_likelihood for segment in segments)


def _segments(found: Iterable[Any]) -> list[_Segment]:
    # The score of the whole hypothesis underflows to 0; the segments' do not.
    return [
        _Segment(part.word, part.start_frame, part.end_frame, _SCORE_SCALE * math.log(max(part.ascore, 1e-300)))
        for part in found or ()
        if part.end_frame >= part.start_frame >= 0
    ]


def import_pocketsphinx() -> Any:
    try:
        import pocketsphinx
    except ImportError as exc:
        raise ProviderError(
            f"the speech recogniser pocketsphinx does not import ({exc}): pip install pocketsphinx, "
            "on a Python that it has wheels for (3.11 to 3.13)"
        ) from None
    return pocketsphinx
