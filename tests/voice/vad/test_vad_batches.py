"""The detector for all streams: each gets its own probabilities, in order, however they are put together."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from posewire.sound.pcm import Framer, Pcm
from posewire.voice.vad.base import VAD_FRAME
from posewire.voice.vad.batches import VadBatches, VadStream
from posewire.voice.vad.silero import SileroDetector, SileroEngine
from support.recordings import recording
from support.scripted import ScriptedVad, frames_of_probability

NAMES = ("goforward", "numbers", "something")


class CountingSilero(SileroEngine):
    """Keeps the size of each batch; fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.broken = False

    def probabilities(self, detectors: Sequence[SileroDetector], frames: Sequence[Pcm]) -> list[float]:
        if self.broken:
            raise RuntimeError("the weights are gone")
        self.sizes.append(len(frames))
        return super().probabilities(detectors, frames)


def frames_of(name: str) -> list[Pcm]:
    return Framer(VAD_FRAME).push(recording(name))


async def in_pieces(stream: VadStream, frames: list[Pcm], size: int) -> list[float]:
    found: list[float] = []
    for start in range(0, len(frames), size):
        found += await stream.probabilities(frames[start : start + size])
    return found


async def test_streams_together_have_the_probabilities_of_each_alone() -> None:
    engine = CountingSilero()
    alone = {name: [detector.probability(frame) for frame in frames_of(name)] for name in NAMES
             for detector in [engine.detector()]}  # fmt: skip
    engine.sizes.clear()
    batches = VadBatches(engine)
    # Pieces of different lengths: in a round only those streams take part that have a frame left.
    together = await asyncio.gather(
        *(in_pieces(batches.stream(), frames_of(name), size) for name, size in zip(NAMES, (1, 2, 20), strict=True))
    )
    for name, found in zip(NAMES, together, strict=True):
        assert np.abs(np.array(found) - alone[name]).max() < 1e-4
    assert max(engine.sizes) == len(NAMES)


async def test_a_stream_alone_does_not_wait_and_many_share_batches_of_a_bounded_size() -> None:
    engine = CountingSilero()
    batches = VadBatches(engine)
    frame = np.zeros(VAD_FRAME, np.int16)
    await batches.stream().probabilities([frame])
    assert engine.sizes == [1]
    engine.sizes.clear()
    await asyncio.gather(*(batches.stream().probabilities([frame]) for _ in range(100)))
    assert sum(engine.sizes) == 100
    assert max(engine.sizes) == 32


async def test_a_stream_that_is_given_up_disturbs_no_other() -> None:
    batches = VadBatches(CountingSilero())
    frame = np.zeros(VAD_FRAME, np.int16)
    given_up = asyncio.create_task(batches.stream().probabilities([frame]))
    other = asyncio.create_task(batches.stream().probabilities([frame]))
    await asyncio.sleep(0)
    given_up.cancel()
    assert len(await other) == 1
    assert given_up.cancelled()


async def test_an_engine_that_fails_is_told_to_all_who_wait_and_may_work_again() -> None:
    engine = CountingSilero()
    batches = VadBatches(engine)
    frame = np.zeros(VAD_FRAME, np.int16)
    engine.broken = True
    found = await asyncio.gather(*(batches.stream().probabilities([frame]) for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in found] == ["the weights are gone"] * 3
    engine.broken = False
    assert len(await batches.stream().probabilities([frame])) == 1


@pytest.mark.parametrize("count", [0, 1, 20])
async def test_an_engine_without_batches_is_asked_frame_by_frame(count: int) -> None:
    stream = VadBatches(ScriptedVad()).stream()
    assert await stream.probabilities(frames_of_probability(*range(count))) == [value / 100 for value in range(count)]
