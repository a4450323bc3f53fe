"""The decoders of PocketSphinx: commands by a grammar, judged by free phones, or free dictation."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from posewire.errors import ConfigError, ProviderError
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.asr.base import Transcript
from posewire.voice.asr.sphinx_score import judge, segments_of

_DITHER = 20
"""Largest noise sample added: the front end takes the logarithm of energies, and digital silence has none."""

_MIN_PROFILE_SAMPLES = SAMPLE_RATE
"""A shorter utterance says too little about the microphone."""

_PROFILE_STEP = 0.3
"""Part of the way that the acoustic profile moves towards each utterance."""

_PARTIAL_EVERY = 8000
"""Samples of dictation between two updates of the words so far."""

# Without the search for the best path in the word lattice: it makes the end of an utterance take 0.1 s instead of
# 5 ms, is no better with a grammar, and gives scores in another unit than the phone decoder's.
_BEAMS: Mapping[str, float | bool] = {"beam": 1e-40, "wbeam": 1e-24, "pbeam": 1e-40, "bestpath": False}
_PHONE_BEAMS: Mapping[str, float] = {"lw": 2.0, "beam": 1e-20, "pbeam": 1e-20}


@dataclass(frozen=True)
class SphinxConfig:
    """The configuration of the worker's engine."""

    decoders: int
    threshold: float = 0.0
    jsgf: str = ""
    """The grammar; empty: dictation."""

    words: Mapping[str, str] | None = None
    """The grammar's words, each with the first place in the files that uses it."""

    pronunciations: Mapping[str, str] | None = None


class SphinxDecoder:
    """One or more decoders of the same samples, with the same noise under them."""

    partial = ""

    def __init__(self, *decoders: Any) -> None:
        self._decoders = decoders
        self._heard = 0
        self._default = decoders[0].get_cmn(False)
        self._noise = np.random.default_rng(0).integers(-_DITHER, _DITHER + 1, SAMPLE_RATE).astype(np.int16)

    def begin(self, acoustics: str = "") -> None:
        """Begin an utterance; with an empty profile the model's own is used."""
        self._heard = 0
        self.partial = ""
        for decoder in self._decoders:
            # Nothing of one utterance may colour the next one, which is another person's in another room. (pocketsphinx
            # 5.1 calls start_stream unnecessary; without it scores depend on what came before.)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                decoder.start_stream()
            decoder.set_cmn(acoustics or self._default)
            decoder.start_utt()

    def process(self, samples: Pcm) -> None:
        """Decode 16 kHz mono samples."""
        # By position, not by call: how audio is cut into calls is chance, what is recognised must not be.
        noise = np.take(self._noise, np.arange(self._heard, self._heard + len(samples)), mode="wrap")
        self._heard += len(samples)
        noisy = np.clip(samples.astype(np.int32) + noise, -32768, 32767).astype(np.int16).tobytes()
        for decoder in self._decoders:
            decoder.process_raw(noisy, False, False)

    def stop(self) -> None:
        """End the utterance."""
        for decoder in self._decoders:
            decoder.end_utt()

    def acoustics_after(self, acoustics: str) -> str:
        """Return the profile for the stream's next utterance: the mean of the features, which tells the microphone."""
        if self._heard < _MIN_PROFILE_SAMPLES:
            return acoustics
        heard = self._decoders[0].get_cmn(True)
        if not acoustics:
            return str(heard)
        pairs = zip(acoustics.split(","), heard.split(","), strict=True)
        return ",".join(f"{float(old) + _PROFILE_STEP * (float(new) - float(old)):.4f}" for old, new in pairs)

    def result(self) -> Transcript:
        """Return the transcript."""
        raise NotImplementedError


class CommandDecoder(SphinxDecoder):
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
        words = segments_of(self._commands.seg()) if hypothesis else []
        return judge(words, segments_of(self._phones.seg()), self._threshold)


class DictationDecoder(SphinxDecoder):
    """Any English words, by the language model that comes with PocketSphinx.

    Raises:
        ProviderError: pocketsphinx is not installed or does not load.
    """

    def __init__(self) -> None:
        ps = import_pocketsphinx()
        self._words = _load(
            lm=ps.get_model_path("en-us/en-us.lm.bin"), dict=ps.get_model_path("en-us/cmudict-en-us.dict")
        )
        self._partial_at = 0
        super().__init__(self._words)

    def process(self, samples: Pcm) -> None:
        """Decode, and update the words so far twice a second."""
        super().process(samples)
        if self._heard // _PARTIAL_EVERY != self._partial_at:
            self._partial_at = self._heard // _PARTIAL_EVERY
            self.partial = self._text()

    def result(self) -> Transcript:
        """Return the words; all of them are accepted."""
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
                f"pronunciations: {word}: {phones!r} is not a list of ARPAbet phones without stress marks"
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


def import_pocketsphinx() -> Any:
    """Import the package.

    Raises:
        ProviderError: it is not installed, or does not load.
    """
    try:
        import pocketsphinx
    except ImportError as exc:
        raise ProviderError(
            f"the speech recogniser pocketsphinx cannot be imported ({exc}): pip install pocketsphinx, "
            "on a Python that it has wheels for (3.11 to 3.13)"
        ) from None
    return pocketsphinx
