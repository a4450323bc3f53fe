"""Offline command recognition with PocketSphinx: a grammar decoder, and a phone decoder that tells when to doubt it.

The grammar decoder always finds the nearest command, even in "the weather is nice today". So a second decoder, free to
follow any phones, runs on the same sound, and a command is accepted only when the score is not below ``asr_threshold``:
its log-likelihood per 10 ms frame against the free decoder's, less three times the part of the speech that none of its
words covers (the grammar decoder likes to put what does not fit into its noise models).

Measured on synthetic voices, cut out by the detector: of 30 commands by flite voices (half of them through ADPCM) 29
right and 1 wrong; of 27 by espeak-ng voices through ADPCM 20 right and 1 wrong; of 88 other sentences 1 taken for a
command. Noise hurts: with an earlier threshold, 20 of 64 commands were right with pink noise 15 dB below the speech.
"""

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from posewire.errors import ConfigError, ProviderError
from posewire.voice.asr import Transcript
from posewire.voice.grammar import Grammar
from posewire.voice.providers import ProviderContext

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_MIN_COVERAGE = 0.5
"""Part of the speech that the words must cover."""

_UNCOVERED_COST = 3.0
"""What speech that no word covers costs in the score: other sentences match a few words well and leave the rest."""
_DITHER = 20
"""Largest noise sample added: the front end takes the logarithm of energies, and digital silence has none."""

_PIECE = 512
"""Samples per decoder call. A call holds the interpreter's lock, so that it must be short: some milliseconds."""

_MAX_PENDING = 16_000 * 60

_SCORE_SCALE = 1 << 10
"""The decoders keep log-likelihoods shifted right by ten bits."""

# Without the search for the best path in the word lattice: it makes the end of an utterance take 0.1 s instead of
# 5 ms, is no better with a grammar, and gives scores in another unit than the phone decoder's.
_BEAMS: Mapping[str, float | bool] = {"beam": 1e-40, "wbeam": 1e-24, "pbeam": 1e-40, "bestpath": False}
_PHONE_BEAMS: Mapping[str, float] = {"lw": 2.0, "beam": 1e-20, "pbeam": 1e-20}


def make(context: ProviderContext) -> "PocketSphinxRecognizer":
    """Make the provider, with the grammar of the sentences."""
    sentences, settings = context.sentences, context.settings
    return PocketSphinxRecognizer(
        Grammar(sentences), sentences.pronunciations, settings.asr_threshold, settings.asr_decoders
    )


class PocketSphinxRecognizer:
    """A bounded pool of decoders, made when first needed, and the threads that they work in.

    Raises:
        ProviderError: pocketsphinx is not installed or does not load.
        ConfigError: a word of the grammar has no pronunciation; the message names it.
    """

    name = "pocketsphinx grammar (offline)"

    def __init__(self, grammar: Grammar, pronunciations: Mapping[str, str], threshold: float, decoders: int) -> None:
        self._grammar = grammar
        self._pronunciations = pronunciations
        self._threshold = threshold
        self._threads = ThreadPoolExecutor(decoders, thread_name_prefix="posewire-asr")
        self._idle: deque[_Decoder] = deque()
        self._free = asyncio.Semaphore(decoders)
        # The first is made here, so that a wrong grammar is an error at start.
        self._idle.append(self._make())

    def utterance(self) -> "SphinxUtterance":
        """Begin an utterance."""
        return SphinxUtterance(self)

    async def close(self) -> None:
        """Stop all workers."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    async def decode(self, audio: "_Audio") -> Transcript:
        """Decode what comes in; waits for a decoder when all are busy.

        Raises:
            ProviderError: the engine failed.
        """
        async with self._free:
            decoder = self._idle.pop() if self._idle else await self._in_thread(self._make)
            token = object()
            try:
                await self._in_thread(lambda: decoder.start(token))
                while (samples := await audio.take()) is not None:
                    await self._in_thread(lambda samples=samples: decoder.process(token, samples))  # type: ignore[misc]
                return await self._in_thread(lambda: decoder.end(token, self._threshold))
            except RuntimeError as exc:
                raise ProviderError(f"pocketsphinx failed: {exc}") from exc
            finally:
                decoder.drop(token)
                self._idle.append(decoder)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _make(self) -> "_Decoder":
        return _Decoder(self._grammar, self._pronunciations)


class _Audio:
    """Samples of one utterance that wait for the decoder."""

    def __init__(self) -> None:
        self._chunks: deque[NDArray[np.int16]] = deque()
        self._size = 0
        self._ended = False
        self._wake = asyncio.Event()

    def put(self, samples: NDArray[np.int16]) -> None:
        if self._size + len(samples) <= _MAX_PENDING:
            self._chunks.append(samples)
            self._size += len(samples)
            self._wake.set()

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    async def take(self) -> NDArray[np.int16] | None:
        """Return all that waits, or None after the end."""
        while not self._chunks and not self._ended:
            self._wake.clear()
            await self._wake.wait()
        if not self._chunks:
            return None
        samples = np.concatenate(self._chunks)
        self._chunks.clear()
        self._size = 0
        return samples


class SphinxUtterance:
    """One utterance, decoded in a thread while it is spoken."""

    def __init__(self, recognizer: PocketSphinxRecognizer) -> None:
        self._audio = _Audio()
        self._decoding = asyncio.create_task(recognizer.decode(self._audio))
        # A failure is raised by finish(); after a cancel nobody asks for it.
        self._decoding.add_done_callback(lambda task: task.cancelled() or task.exception())

    partial = ""
    """A grammar's best path means little before its end."""

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Take 16 kHz mono samples; returns at once."""
        self._audio.put(pcm)

    async def finish(self) -> Transcript:
        """Wait for the rest to be decoded.

        Raises:
            ProviderError: the engine failed.
        """
        self._audio.end()
        return await self._decoding

    def cancel(self) -> None:
        """Stop decoding now."""
        self._decoding.cancel()


@dataclass(frozen=True)
class _Segment:
    word: str
    first: int
    last: int
    log_likelihood: float


class _Decoder:
    """A grammar decoder and a phone decoder that hear the same.

    Works in one thread at a time. A job of an utterance that was cancelled may still run for one piece: the token tells
    it that it has no business here any more.
    """

    def __init__(self, grammar: Grammar, pronunciations: Mapping[str, str]) -> None:
        ps = _import()
        self._lock = threading.Lock()
        self._token: object = None
        self._heard = 0
        self._busy = False
        models = {"hmm": ps.get_model_path("en-us/en-us"), "loglevel": "FATAL"}
        try:
            self._commands = ps.Decoder(dict=ps.get_model_path("en-us/cmudict-en-us.dict"), lm=None, **models, **_BEAMS)
            self._phones = ps.Decoder(
                allphone=ps.get_model_path("en-us/en-us-phone.lm.bin"),
                lm=None,
                dict=None,
                **models,
                **_PHONE_BEAMS,
            )
        except RuntimeError as exc:
            raise ProviderError(f"pocketsphinx does not load its English model ({exc}): reinstall it") from None
        for word, phones in pronunciations.items():
            self._add_word(word, phones)
        for word, where in grammar.words.items():
            if self._commands.lookup_word(word) is None:
                raise ConfigError(
                    f"{where}: no pronunciation is known for {word!r}; add it to the section pronunciations, "
                    'in ARPAbet, like "robot: R OW B AA T"'
                )
        try:
            self._commands.add_jsgf_string("commands", grammar.jsgf)
        except RuntimeError as exc:
            raise ConfigError(f"the sentences make no grammar: {exc}") from None
        self._commands.activate_search("commands")
        self._channel = self._commands.get_cmn(False)
        self._noise = np.random.default_rng(0).integers(-_DITHER, _DITHER + 1, 16_000).astype(np.int16)

    def _add_word(self, word: str, phones: str) -> None:
        try:
            self._commands.add_word(word, phones, True)
        except (RuntimeError, ValueError):
            raise ConfigError(
                f"pronunciations: {word}: {phones!r} is no list of ARPAbet phones without stress marks"
            ) from None

    def start(self, token: object) -> None:
        with self._lock:
            if self._busy:  # with an utterance that was cancelled
                self._stop()
            self._token = token
            self._heard = 0
            self._busy = True
            for decoder in (self._commands, self._phones):
                # Nothing of one utterance may colour the next one, which is another person's in another room.
                # (pocketsphinx 5.1 calls start_stream unnecessary; without it scores depend on what came before.)
                decoder.start_stream()
                decoder.set_cmn(self._channel)
                decoder.start_utt()

    def process(self, token: object, samples: NDArray[np.int16]) -> None:
        with self._lock:
            # By position, not by call: how audio is cut into calls is chance, what is recognised must not be.
            noise = np.take(self._noise, np.arange(self._heard, self._heard + len(samples)), mode="wrap")
            self._heard += len(samples)
            noisy = np.clip(samples.astype(np.int32) + noise, -32768, 32767).astype(np.int16)
            for start in range(0, len(noisy), _PIECE):
                if self._token is not token:
                    return
                piece = noisy[start : start + _PIECE].tobytes()
                self._commands.process_raw(piece, False, False)
                time.sleep(0)  # the decoders hold the interpreter's lock: let the event loop in between
                self._phones.process_raw(piece, False, False)
                time.sleep(0)

    def end(self, token: object, threshold: float) -> Transcript:
        with self._lock:
            if self._token is not token:
                raise RuntimeError("the utterance was cancelled")
            self._stop()
            hypothesis = self._commands.hyp()
            words = _segments(self._commands.seg()) if hypothesis else []
            phones = _segments(self._phones.seg())
        return judge(words, phones, threshold)

    def drop(self, token: object) -> None:
        """Note that the utterance is over; what still runs for it stops after its piece."""
        if self._token is token:
            self._token = None

    def _stop(self) -> None:
        self._busy = False
        self._commands.end_utt()
        self._phones.end_utt()


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


def _import() -> Any:
    try:
        import pocketsphinx
    except ImportError as exc:
        raise ProviderError(
            f"the speech recogniser pocketsphinx does not import ({exc}): pip install pocketsphinx, "
            "on a Python that it has wheels for (3.11 to 3.13)"
        ) from None
    return pocketsphinx
