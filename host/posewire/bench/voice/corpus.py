"""The material of the voice benchmark: sentences, spoken by synthetic voices made while it runs."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posewire.errors import ProviderError
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.sound.resampling import resample
from posewire.voice.tts.base import Speech
from posewire.voice.tts.espeak import EspeakProgram
from posewire.voice.tts.flite import FliteProgram

# Two sets, disjoint in every sentence: settings are tuned on the first, and what they are worth is read off the second.
COMMANDS = {
    "tuning": (
        "turn on the light", "turn the light off", "set the light to green", "make the lamp yellow",
        "set the volume to thirty percent", "volume up", "what time is it", "hello", "who are you",
        "what can you do", "never mind", "restart", "go forward two meters", "drive back five meters",
        "stop the robot", "identify yourself",
    ),
    "verification": (
        "switch the light on", "lamp off", "turn the light blue", "change the l e d to orange",
        "set the volume to seventy five percent", "make it quieter", "tell me the time", "good morning",
        "what's your name", "help me", "be quiet", "reboot the board", "move ahead ten meters",
        "robot go backward three meters", "halt the robot", "where are you",
    ),
}  # fmt: skip
UNRELATED = {
    "tuning": (
        "the weather is nice today", "i would like a cup of coffee", "my brother lives in london",
        "she plays the piano very well", "we are going to the beach tomorrow", "open the window please",
        "how much does this cost", "the train leaves at seven", "he forgot his umbrella",
        "can you lend me some money", "the cat is sleeping on the sofa", "i do not like onions",
        "they painted the house last summer", "this book is really interesting", "call me when you get home",
        "the meeting was moved to friday", "there is a spider in the kitchen", "let us watch a movie",
        "my shoes are too small", "nobody answered the door",
    ),
    "verification": (
        "it will rain in the afternoon", "where did you put my keys", "the soup needs more salt",
        "her sister is a doctor", "turn left at the second corner", "i have never been to paris",
        "the children are playing in the garden", "what did he say about me", "the river is very deep here",
        "please write your name on this page", "the dog wants to go for a walk", "i will be back in ten minutes",
        "we need to buy bread and milk", "the phone has been ringing all day", "his car is faster than mine",
        "do you know a good restaurant", "the lights of the city are beautiful", "stop telling everybody my secrets",
        "set the table for four people", "the volume of this box is one liter",
    ),
}  # fmt: skip
"""The last ones of the second set are near to commands on purpose."""

VOICES = {"flite": ("slt", "rms", "awb"), "espeak-ng": ("en-us", "en-gb", "en-us+f3")}


@dataclass(frozen=True)
class Spoken:
    """A sentence by a voice."""

    text: str
    engine: str
    voice: str
    pcm: Pcm


async def speak(engine: str, texts: tuple[str, ...]) -> list[Spoken]:
    """Have all voices of an engine say all texts, at 16 kHz.

    Raises:
        ProviderError: the engine, or one of its voices, is not installed.
    """
    if shutil.which(engine) is None:
        raise ProviderError(f"{engine} is not installed")
    spoken = []
    for voice in VOICES[engine]:
        made = FliteProgram(voice, 1.0) if engine == "flite" else EspeakProgram(voice, 1.0)
        for text in texts:
            spoken.append(Spoken(text, engine, voice, _as_heard(await made.synthesize(text))))
            await asyncio.sleep(0)
    return spoken


def pink_noise(length: int, seed: int) -> NDArray[np.float64]:
    """Return noise with equal power in every octave, of unit variance."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=length))
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    noise: NDArray[np.float64] = np.fft.irfft(spectrum, length)
    noise /= noise.std()
    return noise


def with_noise(pcm: Pcm, snr_db: float, seed: int = 7) -> Pcm:
    """Put pink noise under a recording, so many decibels below its speech."""
    loud = pcm[np.abs(pcm.astype(int)) > 300].astype(float)
    level = float(loud.std()) if len(loud) else 1000.0
    noise = pink_noise(len(pcm), seed) * level / 10 ** (snr_db / 20)
    return np.clip(pcm + noise, -32768, 32767).astype(np.int16)


def _as_heard(speech: Speech) -> Pcm:
    samples = resample(speech.samples.astype(np.float32), speech.rate, SAMPLE_RATE)
    # Half a second before it and a second after it of a room's faint noise: about 2 in 32768.
    noise = np.random.default_rng(3).normal(0, 2, len(samples) + SAMPLE_RATE * 3 // 2)
    noise[SAMPLE_RATE // 2 : SAMPLE_RATE // 2 + len(samples)] += samples * 0.7
    return np.clip(noise, -32768, 32767).astype(np.int16)


def chunks(pcm: Pcm, size: int = 960) -> Iterator[Pcm]:
    """Cut into frames as a device sends them."""
    return (pcm[start : start + size] for start in range(0, len(pcm), size))
