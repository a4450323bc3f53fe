"""The endpointer, on recordings and on written probabilities."""

import numpy as np
import pytest

from posewire.sound.pcm import Framer, Pcm
from posewire.voice.vad.base import VAD_FRAME, VadEngine
from posewire.voice.vad.endpoint import Endpointer, FrameResult
from posewire.voice.vad.energy import EnergyEngine
from posewire.voice.vad.silero import SileroEngine
from support.recordings import recording, silence
from support.scripted import ScriptedDetector, frames_of_probability


def frames(pcm: Pcm) -> list[Pcm]:
    return Framer(VAD_FRAME).push(pcm)


def push(endpointer: Endpointer, frame: Pcm) -> FrameResult:
    return endpointer.push(frame, ScriptedDetector().probability(frame))


@pytest.mark.parametrize("engine", [SileroEngine(), EnergyEngine()], ids=lambda engine: engine.name)
@pytest.mark.parametrize("name", ["goforward", "something", "command-turn_the_light_blue-slt"])
def test_one_sentence_is_one_utterance(engine: VadEngine, name: str) -> None:
    noise = np.random.default_rng(2)
    pcm = np.concatenate((silence(1), recording(name), silence(1.5)))
    pcm = (pcm + noise.integers(-20, 21, len(pcm))).astype(np.int16)
    detector = engine.detector()
    endpointer = Endpointer(0.5, 700, 15)
    steps = [endpointer.push(frame, detector.probability(frame)) for frame in frames(pcm)]
    assert sum(step.started for step in steps) == 1
    assert sum(step.ended for step in steps) == 1
    # The sentence is inside: it begins before the loud part and ends after it.
    loud = np.flatnonzero(np.abs(pcm) > 1500)
    first = next(number for number, step in enumerate(steps) if step.started)
    begin = (first + 1 - len(steps[first].audio)) * VAD_FRAME
    assert begin <= loud[0]
    assert next(number for number, step in enumerate(steps) if step.ended) * VAD_FRAME >= loud[-1]


def test_two_loud_frames_are_no_speech() -> None:
    endpointer = Endpointer(0.5, 320, 15)
    assert not any(push(endpointer, frame).started for frame in frames_of_probability(*[0, 90, 90] * 20))


def test_what_came_before_the_onset_belongs_to_the_utterance() -> None:
    endpointer = Endpointer(0.5, 320, 15)
    steps = [push(endpointer, frame) for frame in frames_of_probability(*range(30), 60, 61, 62)]
    assert steps[-1].started
    assert [int(frame[0]) for frame in steps[-1].audio] == [*range(18, 30), 60, 61, 62]


def test_speech_goes_on_at_a_lower_threshold_and_ends_after_silence() -> None:
    endpointer = Endpointer(0.5, 320, 15)
    steps = [push(endpointer, frame) for frame in frames_of_probability(*[90] * 3, *[40] * 20, *[0] * 9)]
    assert not any(step.ended for step in steps)
    assert push(endpointer, frames_of_probability(0)[0]).ended
    assert endpointer.silence_ms == 320


def test_a_long_pause_is_heard_only_when_speech_follows_it() -> None:
    endpointer = Endpointer(0.5, None, 60)
    for frame in frames_of_probability(90, 90, 90):
        push(endpointer, frame)
    quiet = [frame for silent in frames_of_probability(*[0] * 50) for frame in push(endpointer, silent).audio]
    assert len(quiet) == 8
    assert len(push(endpointer, frames_of_probability(90)[0]).audio) == 43


def test_an_endless_utterance_is_cut() -> None:
    endpointer = Endpointer(0.5, 512, 2)
    steps = [push(endpointer, frame) for frame in frames_of_probability(*[90] * 70)]
    assert [step.ended for step in steps].index(True) * 32 == pytest.approx(2000, abs=64)
