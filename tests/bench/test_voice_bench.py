"""The benchmark's parts that need no synthetic voices but one run through, and say what they promise."""

import argparse
import shutil

import pytest

from posewire.bench.voice.corpus import COMMANDS, UNRELATED, with_noise
from posewire.bench.voice.remains import measure_cancelling, measure_endurance
from posewire.bench.voice.speed import measure_streaming
from posewire.voice.commands.intents import IntentMatcher
from posewire.voice.commands.sentences_file import load_sentences
from support.recordings import recording

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
ARGUMENTS = argparse.Namespace(turns=12, repeats=2)


def test_the_sentences_are_what_they_are_said_to_be() -> None:
    matcher = IntentMatcher(load_sentences())
    for group in COMMANDS:
        assert all(matcher.match(text) for text in COMMANDS[group])
        assert not any(matcher.match(text) for text in UNRELATED[group])
    assert not set(COMMANDS["tuning"]) & set(COMMANDS["verification"])
    assert not set(UNRELATED["tuning"]) & set(UNRELATED["verification"])
    assert all(len(set(texts)) == 16 for texts in COMMANDS.values())


def test_noise_is_as_loud_as_asked_for() -> None:
    pcm = recording("goforward")
    noise = with_noise(pcm, 10).astype(float) - pcm
    assert 3 < pcm[abs(pcm.astype(int)) > 300].std() / noise.std() < 3.4


@needs_flite
async def test_the_parts_run() -> None:
    assert len(await measure_cancelling(ARGUMENTS)) == 4
    assert len(await measure_streaming(ARGUMENTS)) == 3
    left = await measure_endurance(ARGUMENTS)
    assert left["outcomes"]["answered"] > 0
    assert left["tasks"][1] <= left["tasks"][0]
    assert left["tasks after the end"] == 0
