"""The numpy network against the original one."""

import json

import numpy as np

from posewire.sound.pcm import Framer, Pcm
from posewire.voice.vad.base import VAD_FRAME
from posewire.voice.vad.silero import SileroEngine
from support.recordings import SPEECH, recording, silence


def frames(pcm: Pcm) -> list[Pcm]:
    return Framer(VAD_FRAME).push(pcm)


def test_the_numpy_network_gives_the_probabilities_of_the_original() -> None:
    expected = json.loads((SPEECH / "goforward-silero.json").read_text())
    detector = SileroEngine().detector()
    pcm = np.concatenate((silence(0.5), recording("goforward"), silence(0.5)))
    found = [detector.probability(frame) for frame in frames(pcm)]
    assert len(found) == len(expected)
    assert np.abs(np.array(found) - expected).max() < 0.01


def test_streams_do_not_disturb_each_other() -> None:
    engine = SileroEngine()
    alone, one, two = engine.detector(), engine.detector(), engine.detector()
    noise = np.random.default_rng(1).integers(-3000, 3000, VAD_FRAME).astype(np.int16)
    for frame in frames(recording("goforward")):
        two.probability(noise)
        assert one.probability(frame) == alone.probability(frame)


def test_a_reset_detector_is_like_a_new_one() -> None:
    engine = SileroEngine()
    used, fresh = engine.detector(), engine.detector()
    for frame in frames(recording("numbers")):
        used.probability(frame)
    used.reset()
    assert [used.probability(frame) for frame in frames(recording("something"))] == [
        fresh.probability(frame) for frame in frames(recording("something"))
    ]
