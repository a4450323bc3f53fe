"""Texts matched against the sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.voice.commands.intents import IntentMatcher
from posewire.voice.commands.numbers import number_words
from posewire.voice.commands.sentences_file import load_sentences, merge_sentences

SENTENCES = load_sentences()
MATCHER = IntentMatcher(SENTENCES)


def found(text: str) -> tuple[str, dict[str, object]] | None:
    command = MATCHER.match(text)
    return command and (command.intent.name, {name: slot.value for name, slot in command.values.items()})


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("turn on the light", "LightOn", {}),
        ("Please switch the LED off!", "LightOff", {}),
        ("turn the light blue", "LightColour", {"colour": "blue"}),
        ("make the lamp green", "LightColour", {"colour": "green"}),
        ("set the volume to thirty percent", "VolumeSet", {"level": 30}),
        ("Set the volume to 35%", "VolumeSet", {"level": 35}),
        ("volume up", "VolumeUp", {}),
        ("turn down the volume", "VolumeDown", {}),
        ("What’s the time?", "Time", {}),
        ("never mind", "Cancel", {}),
        ("who are you", "WhoAreYou", {}),
        ("what can you do", "Help", {}),
        ("identify yourself", "Identify", {}),
        ("restart", "Restart", {}),
        ("go forward ten meters", "RobotDrive", {"direction": "forward", "distance": 10}),
        ("robot drive back 3 meters", "RobotDrive", {"direction": "backward", "distance": 3}),
        ("stop the robot", "RobotStop", {}),
        ("see you later", "Goodbye", {}),
    ],
)
def test_the_shipped_sentences(text: str, intent: str, slots: dict[str, object]) -> None:
    assert found(text) == (intent, slots)


@pytest.mark.parametrize("text", ["", "?!", "the weather is nice", "turn", "set the volume to 135", "light " * 100])
def test_other_texts_are_no_command(text: str) -> None:
    assert MATCHER.match(text) is None


@given(st.text(max_size=300))
def test_any_text_is_matched_or_not_without_an_error(text: str) -> None:
    MATCHER.match(text)


COUNTING = "lists: {n: {from: 0, to: 999}}\nintents: {N: {sentences: 'count {n}', reply: ok}}"
COUNTER = IntentMatcher(merge_sentences([("own.yaml", COUNTING)]))


@given(st.integers(0, 999))
def test_number_words_are_what_the_matcher_reads(number: int) -> None:
    command = COUNTER.match(f"count {number_words(number)}")
    assert command is not None
    assert command.values["n"].value == number
