"""Measure the board's Opus encoder beside libopus: how near the sound is, and which words are understood.

The sound: synthetic voices made now, and recordings given. MicroPython runs the board's own encoder; libopus codes the
same with a constant bit rate, as CELT (what the board does) and as it codes speech by itself (VOIP).

examples:
  posewire bench opus tests/data/speech/goforward.wav
  posewire bench opus --only sound --rate 24000
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posewire.bench.opus_stream import BoardEncoder
from posewire.bench.voice.corpus import COMMANDS, UNRELATED, Spoken, speak
from posewire.errors import ProviderError
from posewire.progress import meanwhile
from posewire.sim.parts.recording import read_wav
from posewire.sound.pcm import Framer, Pcm
from posewire.terminal import show, show_json, warn
from posewire.voice.asr.base import AcousticProfile, SpeechRecognizer
from posewire.voice.commands.responder import CommandResponder
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.providers import load_provider
from posewire.voice.settings import VoiceSettings
from posewire.wire.opus import OpusDecoder, OpusEncoder

RATE = 16000
FRAME = RATE * 60 // 1000
BITRATES = (12000, 16000, 24000, 32000)


class Codec(Protocol):
    """Codes a recording and decodes it."""

    def __call__(self, pcm: Pcm, bitrate: int) -> Pcm:
        """Return what is then heard."""


CELT, VOIP = 2051, 2048
_SET_APPLICATION, _SET_BITRATE, _SET_MAX_BANDWIDTH, _SET_VBR, _SET_COMPLEXITY = 4000, 4002, 4004, 4006, 4010
_WIDEBAND = 1103
_MOST_DELAY = 200
"""Samples by which a decoder's output may lag."""

_AUDIBLE = 40.0
"""Dynamic range, in dB: pieces that are quieter by more than that than the loudest do not count."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "recordings", nargs="*", type=Path, metavar="FILE", help="recording of speech (WAV) to measure as well"
    )
    parser.add_argument(
        "--only", choices=list(_PARTS), action="append", help="measure only this part (may be repeated)"
    )
    parser.add_argument(
        "--rate", type=int, action="append", metavar="BITS", help="bit rate to measure (default 12000 to 32000 bit/s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end instead of tables")


def run(args: argparse.Namespace) -> int:
    """Measure, and print a table for each part."""
    results: dict[str, Any] = {}
    with BoardEncoder() as board:
        codecs: dict[str, Codec] = {
            "board": lambda pcm, bitrate: decoded(board.packets(padded(pcm), bitrate)),
            "libopus CELT, complexity 0": partial(by_libopus, application=CELT, complexity=0),
            "libopus CELT, complexity 5": partial(by_libopus, application=CELT, complexity=5),
            "libopus VOIP, complexity 5": partial(by_libopus, application=VOIP, complexity=5),
        }
        for name in args.only or _PARTS:
            try:
                results[name] = _PARTS[name](codecs, args)
            except ProviderError as exc:
                warn(f"{name} is not measured: {exc}")
                continue
            if not args.json:
                _print_table(name, results[name])
    if args.json:
        show_json(results, 1)
    return 0


def _print_table(name: str, rows: Mapping[str, Mapping[str, str]]) -> None:
    columns = list({column: None for row in rows.values() for column in row})
    show("")
    show(f"| {name} | {' | '.join(columns)} |")
    show("|---" * (len(columns) + 1) + "|")
    for row, values in rows.items():
        show(f"| {row} | {' | '.join(values.get(column, '') for column in columns)} |")


# --- coding


def padded(pcm: Pcm) -> Pcm:
    """Fill up to whole packets, and one more for what the codecs hold back."""
    return np.concatenate((pcm, np.zeros(FRAME + -len(pcm) % FRAME, np.int16)))


def decoded(packets: list[bytes]) -> Pcm:
    """Return the sound of a stream."""
    decoder = OpusDecoder(RATE)
    return np.concatenate([decoder.decode(packet) for packet in packets])


class _Libopus(OpusEncoder):
    """As the board codes: a constant bit rate, wideband."""

    def __init__(self, bitrate: int, application: int, complexity: int) -> None:
        super().__init__(RATE)
        for request, value in (
            (_SET_APPLICATION, application),
            (_SET_BITRATE, bitrate),
            (_SET_MAX_BANDWIDTH, _WIDEBAND),
            (_SET_VBR, 0),
            (_SET_COMPLEXITY, complexity),
        ):
            if self._lib.opus_encoder_ctl(self._state, request, ctypes.c_int(value)):
                raise ProviderError(f"this libopus refuses the setting {request}")


def by_libopus(pcm: Pcm, bitrate: int, application: int, complexity: int) -> Pcm:
    """Return what is heard of libopus's packets."""
    encoder = _Libopus(bitrate, application, complexity)
    return decoded([encoder.encode(frame) for frame in Framer(FRAME).push(padded(pcm))])


# --- the sound


def measure_sound(codecs: Mapping[str, Codec], args: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Compare spectra and samples: mean over all recordings."""
    spoken = _spoken(("flite", "espeak-ng"), COMMANDS["tuning"][:4])
    sounds = [read_wav(path, RATE) for path in args.recordings] + [one.pcm for one in spoken]
    rates = args.rate or BITRATES
    rows: dict[str, dict[str, str]] = {}
    with meanwhile("sound", len(codecs) * len(rates)) as progress:
        for name, codec in codecs.items():
            row = rows[name] = {}
            for rate in rates:
                progress.show(sum(map(len, rows.values())), f"{name}, {rate // 1000} kbit/s")
                found = [compare(pcm, codec(pcm, rate)) for pcm in sounds]
                distance, ratio = np.mean(found, axis=0)
                row[f"{rate // 1000} kbit/s"] = f"{distance:.2f} dB, {ratio:.1f} dB"
    return rows


def _spoken(engines: tuple[str, ...], texts: tuple[str, ...]) -> list[Spoken]:
    """Speech from the synthesizers that are installed."""
    found: list[Spoken] = []
    for engine in engines:
        try:
            found += asyncio.run(speak(engine, texts))
        except ProviderError as exc:
            warn(f"without {engine}: {exc}")
    if not found:
        raise ProviderError("it needs flite or espeak-ng")
    return found


def compare(original: Pcm, copy: Pcm) -> tuple[float, float]:
    """Return the log-spectral distance and the segmental signal-to-noise ratio, both in dB, of a copy that may lag."""
    first, second = _aligned(original.astype(np.float64), copy.astype(np.float64))
    a, b = _spectrum(first), _spectrum(second)
    loudest = a.max(1)
    heard = loudest > loudest.max() - _AUDIBLE
    distance = float(np.sqrt(((a - b)[heard] ** 2).mean(1)).mean())
    count = len(first) // 320 * 320
    pieces, errors = first[:count].reshape(-1, 320), (first - second)[:count].reshape(-1, 320)
    power = (pieces**2).sum(1)
    ratio = 10 * np.log10(power / ((errors**2).sum(1) + 1) + 1e-9)
    level = 10 * np.log10(power + 1)
    return distance, float(np.clip(ratio[level > level.max() - _AUDIBLE], -10, 35).mean())


def _aligned(original: NDArray[np.float64], copy: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    def likeness(lag: int) -> float:
        part = copy[lag : lag + len(original)]
        return float(part @ original[: len(part)])

    lag = max(range(_MOST_DELAY), key=likeness)
    part = copy[lag : lag + len(original)]
    return original[: len(part)], part


def _spectrum(pcm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power of 25 ms pieces in 32 mel bands, in dB, above a floor that nobody hears."""
    pieces = np.lib.stride_tricks.sliding_window_view(pcm, 400)[::160] * np.hanning(400)
    return np.asarray(10 * np.log10(np.abs(np.fft.rfft(pieces, 512)) ** 2 @ _mel().T + 12000))


def _mel(count: int = 32, low: float = 100, high: float = 8000) -> NDArray[np.float64]:
    def mel(hertz: float) -> float:
        return float(2595 * np.log10(1 + hertz / 700))

    edges = 700 * (10 ** (np.linspace(mel(low), mel(high), count + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(512, 1 / RATE)
    rows = [
        np.clip(np.minimum((hertz - left) / (middle - left), (right - hertz) / (right - middle)), 0, None)
        for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False)
    ]
    return np.array(rows)


# --- words


def measure_commands(codecs: Mapping[str, Codec], args: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Count the commands that the host's grammar understands."""
    spoken = _spoken(("flite",), COMMANDS["verification"])
    return asyncio.run(_understood(spoken, codecs, args))


async def _understood(
    spoken: list[Spoken], codecs: Mapping[str, Codec], args: argparse.Namespace
) -> dict[str, dict[str, str]]:
    settings, sentences = VoiceSettings(asr_decoders=2), load_sentences()
    recognizer: SpeechRecognizer = load_provider("asr", "pocketsphinx", settings, sentences)
    matcher = CommandResponder(sentences).matcher

    async def understood(pcm: Pcm) -> str:
        utterance = recognizer.utterance(AcousticProfile())
        utterance.feed(pcm)
        transcript = await utterance.finish()
        return transcript.text if transcript.accepted else ""

    def meaning(text: str) -> object:
        command = matcher.match(text) if text else None
        return command and (command.intent.name, command.values)

    async def right(one: Spoken, pcm: Pcm) -> bool:
        return meaning(await understood(pcm)) == meaning(one.text)

    rows: dict[str, dict[str, str]] = {}
    try:
        for name, rate, codec in _shown("commands", codecs, args):
            count = sum([await right(one, codec(one.pcm)) for one in spoken])
            rows.setdefault(name, {})[rate] = f"{count} of {len(spoken)}"
        return rows
    finally:
        await recognizer.close()


def measure_dictation(codecs: Mapping[str, Codec], args: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Count words of free speech that PocketSphinx's own language model gets wrong."""
    import pocketsphinx

    spoken = [one for one in _spoken(("flite",), UNRELATED["tuning"][:10]) if one.voice != "awb"]
    words = sum(len(one.text.split()) for one in spoken)

    def errors(one: Spoken, pcm: Pcm) -> int:
        # A fresh one each time: nothing of the one before is carried over.
        decoder = pocketsphinx.Decoder(loglevel="FATAL")
        decoder.start_utt()
        decoder.process_raw(pcm.tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return word_errors(one.text.split(), found.hypstr.split() if found else [])

    rows: dict[str, dict[str, str]] = {}
    for name, rate, codec in _shown("dictation", codecs, args):
        wrong = sum(errors(one, codec(one.pcm)) for one in spoken)
        rows.setdefault(name, {})[rate] = f"{100 * wrong / words:.1f} %"
    return rows


def _shown(
    part: str, codecs: Mapping[str, Codec], args: argparse.Namespace
) -> Iterator[tuple[str, str, Callable[[Pcm], Pcm]]]:
    """Give row, column and codec of all that is measured, and show which it is; first the sound that is not coded."""
    wanted: list[tuple[str, str, Callable[[Pcm], Pcm]]] = [("not coded", "as it is", lambda pcm: pcm)]
    for name, codec in codecs.items():
        wanted += [(name, f"{rate // 1000} kbit/s", partial(codec, bitrate=rate)) for rate in args.rate or BITRATES]
    with meanwhile(part, len(wanted)) as progress:
        for done, (name, rate, coded) in enumerate(wanted):
            progress.show(done, f"{name}, {rate}")
            yield name, rate, coded


def word_errors(said: list[str], heard: list[str]) -> int:
    """Return how many words are wrong, missing or too many (the Levenshtein distance)."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]


_PARTS = {"sound": measure_sound, "commands": measure_commands, "dictation": measure_dictation}
