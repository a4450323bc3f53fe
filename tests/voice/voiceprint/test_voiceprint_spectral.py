"""The spectral voiceprint on recordings of three people and on synthetic voices."""

import numpy as np

from posewire.bench.voiceprint import equal_error, trials
from posewire.voice.voiceprint.base import best_match
from posewire.voice.voiceprint.spectral import SpectralVoiceprint, statistics
from support.recordings import COMMANDS, OTHERS, recording, silence

PEOPLE = ("goforward", "numbers", "something")


async def test_three_people_are_told_apart_by_other_halves_of_what_they_said() -> None:
    engine = SpectralVoiceprint()
    first, second = {}, {}
    for name in PEOPLE:
        pcm = recording(name)
        first[name] = await engine.embed(pcm[: len(pcm) * 6 // 10])
        second[name] = await engine.embed(pcm[len(pcm) * 4 // 10 :])
    for name in PEOPLE:
        match = best_match(engine, second[name], first)
        assert match is not None
        assert match.name == name
        others = {other: vector for other, vector in first.items() if other != name}
        assert best_match(engine, second[name], others) is None


def test_the_synthetic_voices_of_the_recordings_are_told_apart() -> None:
    voices: dict[str, list[np.ndarray]] = {}
    for name in (*COMMANDS, *OTHERS):
        vector = statistics(recording(name))
        if vector is not None:
            voices.setdefault(name.rsplit("-", 1)[1], []).append(vector)
    assert len(voices) == 3
    own, others = trials(SpectralVoiceprint(), voices)
    rate, _ = equal_error(own, others)
    assert rate < 0.1


async def test_too_little_speech_has_no_voice() -> None:
    engine = SpectralVoiceprint()
    noise = np.random.default_rng(1).integers(-3, 3, 16000).astype(np.int16)
    for pcm in (silence(3), silence(0), noise, recording("goforward")[:4000]):
        assert await engine.embed(pcm) is None
