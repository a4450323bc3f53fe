"""Measure how well the built-in voiceprint tells voices apart, on synthetic voices made now and on recordings given.

Voices of espeak-ng (variants and speakers at three pitches) and flite are enrolled with three sentences and compared
with others of their own and of everybody else. Synthetic voices say less about people than people would: numbers here
are for comparing versions, and an upper bound of what to expect.

examples:
  posewire bench voiceprint
  posewire bench voiceprint --write voiceprint.npz     make the weights anew, from the other half of the voices
"""

import argparse
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posewire.errors import ProviderError
from posewire.progress import meanwhile
from posewire.sound.pcm import SAMPLE_RATE, to_int16
from posewire.sound.resampling import resample
from posewire.sound.wav import read_wav
from posewire.terminal import show, show_json
from posewire.voice.voiceprint.base import Vector
from posewire.voice.voiceprint.spectral import THRESHOLD, SpectralVoiceprint, statistics

SENTENCES = (
    "turn on the light in the kitchen please",
    "what time is it in London right now",
    "the weather is rather nice for a long walk today",
    "set a timer for twenty five minutes for the cake",
    "tell everybody that dinner is ready downstairs",
    "my brother works in a hospital near the river",
    "we should go to the cinema together tonight",
    "please read me the latest news about music",
)
ENROLLED = 3
_VARIANTS = (*(f"m{n}" for n in range(1, 8)), *(f"f{n}" for n in range(1, 6)), "croak", "klatt", "klatt2", "whisper")
_ACCENTS = ("en-us", "en-gb", "en-gb-scotland")
_FLITE = ("slt", "rms", "awb", "kal16")

Voices = Mapping[str, Sequence[Vector]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write weights made from the other voices")


def run(args: argparse.Namespace) -> int:
    """Measure, and print a table."""
    with meanwhile("making voices"):
        train, test = make_voices()
    if args.write is not None:
        np.savez_compressed(args.write, weights=weights_of(train))
        show(f"{args.write}: weights from {len(train)} voices")
        return 0
    with meanwhile("comparing voices"):
        own, others = trials(SpectralVoiceprint(), test)
    rate, at = equal_error(own, others)
    if args.json:
        result = {
            "voices": len(test),
            "own_trials": len(own),
            "other_trials": len(others),
            "equal_error_rate": rate,
            "equal_error_threshold": at,
            "threshold": THRESHOLD,
            "own_refused": float(np.mean(own < THRESHOLD)),
            "others_taken": float(np.mean(others >= THRESHOLD)),
        }
        show_json(result, 1)
        return 0
    show(f"{len(test)} voices, {len(own)} trials of one's own voice, {len(others)} of others'")
    show(f"equal error rate {100 * rate:.1f} % at {at:.2f}")
    show(f"at the threshold {THRESHOLD:.2f}:")
    show(f"  own voice refused   {100 * np.mean(own < THRESHOLD):5.1f} %")
    show(f"  other voice taken   {100 * np.mean(others >= THRESHOLD):5.1f} %")
    return 0


def make_voices() -> tuple[Voices, Voices]:
    """Return voices for making the weights, and others for measuring: no variant is in both.

    Raises:
        ProviderError: neither program is there.
    """
    train: dict[str, list[Vector]] = {}
    test: dict[str, list[Vector]] = {}
    if shutil.which("espeak-ng") is not None:
        for number, variant in enumerate(_VARIANTS):
            target = test if number % 2 else train
            for accent in _ACCENTS:
                for pitch in (30, 50, 70):
                    name = f"{accent}+{variant} {pitch}"
                    target[name] = _vectors("espeak-ng", "--stdout", "-v", f"{accent}+{variant}", "-p", str(pitch))
    if shutil.which("flite") is not None:
        for voice in _FLITE:
            test[voice] = _vectors("flite", "-voice", voice, "-o", "/dev/stdout", "-t")
    if not test:
        raise ProviderError("this needs espeak-ng or flite")
    return train, test


def _vectors(*command: str) -> list[Vector]:
    found = []
    for sentence in SENTENCES:
        wav = subprocess.run([*command, sentence], capture_output=True, check=True, timeout=30).stdout  # noqa: S603
        samples, rate = read_wav(wav)
        vector = statistics(to_int16(resample(samples.astype(np.float32), rate, SAMPLE_RATE)))
        if vector is not None:
            found.append(vector)
    return found


def weights_of(voices: Voices) -> Vector:
    """Return one weight a dimension: how far it tells voices apart, over how unsteady it is within one."""
    within = np.sqrt(np.mean([np.var(vectors, axis=0) for vectors in voices.values()], axis=0))
    between = np.std([np.mean(vectors, axis=0) for vectors in voices.values()], axis=0)
    usefulness = between / (within + 1e-6)
    weights: Vector = (usefulness / np.sqrt(np.mean(usefulness**2)) / (within + 1e-6)).astype(np.float32)
    return weights


def trials(engine: SpectralVoiceprint, voices: Voices) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores of voices against themselves, and against everybody else."""
    own: list[float] = []
    others: list[float] = []
    for name, vectors in voices.items():
        template = np.mean(vectors[:ENROLLED], axis=0)
        for other, tried in voices.items():
            scores = [engine.score(template, vector) for vector in tried[ENROLLED:]]
            (own if other == name else others).extend(scores)
    return np.array(own), np.array(others)


def equal_error(own: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """Return the rate at which refusals of one's own equal acceptances of others, and the threshold there."""
    points = np.sort(np.concatenate((own, others)))
    missed = np.searchsorted(np.sort(own), points) / len(own)
    taken = 1 - np.searchsorted(np.sort(others), points) / len(others)
    at = int(np.argmin(np.abs(missed - taken)))
    return float((missed[at] + taken[at]) / 2), float(points[at])
