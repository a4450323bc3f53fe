"""Recordings of speech: three of people, and synthetic ones whose text is in their name."""

import wave
from pathlib import Path

import numpy as np

from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.session import VoiceSession

SPEECH = Path(__file__).parent.parent / "data" / "speech"
COMMANDS = sorted(path.stem for path in SPEECH.glob("command-*.wav"))
OTHERS = sorted(path.stem for path in SPEECH.glob("other-*.wav"))


def recording(name: str) -> Pcm:
    """Return the samples of a recording."""
    with wave.open(str(SPEECH / f"{name}.wav")) as file:
        assert file.getframerate() == SAMPLE_RATE
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def text_of(name: str) -> str:
    """Return the text of a synthetic recording."""
    return name.split("-")[1].replace("_", " ")


def silence(seconds: float) -> Pcm:
    """Return digital silence."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def as_spoken(name: str) -> Pcm:
    """Return a recording with half a second of silence before and one second after."""
    return np.concatenate((silence(0.5), recording(name), silence(1.0)))


def feed(session: VoiceSession, pcm: Pcm, size: int = 960) -> None:
    """Feed samples to a voice session in pieces, without waiting."""
    for start in range(0, len(pcm), size):
        session.feed(pcm[start : start + size])
