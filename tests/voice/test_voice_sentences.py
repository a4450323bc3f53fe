"""The sentences file: one source for grammar, intents and replies; and errors that say what to change."""

import re
from pathlib import Path

import pytest
from hassil.intents import RangeSlotList
from hassil.sample import sample_sentence
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import ConfigError
from posewire.voice.asr.grammar import Grammar
from posewire.voice.commands.intents import IntentMatcher
from posewire.voice.commands.numbers import number_words
from posewire.voice.commands.sentences import NumberRange, Sentences, load_sentences, merge_sentences
from posewire.voice.commands.templates import fill_text, fill_value

SENTENCES = load_sentences()
MATCHER = IntentMatcher(SENTENCES)

OWN = """
lists:
  room: [kitchen, bath]
intents:
  Blind:
    sentences: ["(open|close) the blind in the {room}"]
    tool: self.blind.move
    arguments: {room: "{room}"}
    reply: "The blind in the {room} moves."
"""


def found(text: str) -> tuple[str, dict[str, object]] | None:
    command = MATCHER.match(text)
    return command and (command.intent.name, {name: slot.value for name, slot in command.slots.items()})


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
    assert command.slots["n"].value == number


def sampled(sentences: Sentences) -> list[tuple[str, str]]:
    """All sentences that the templates can make, numbers in words."""
    matcher = IntentMatcher(sentences)
    lists = dict(matcher._intents.slot_lists)
    for name, values in sentences.lists.items():
        if isinstance(values, NumberRange):
            lists[name] = RangeSlotList(name=name, start=values.first, stop=min(values.last, values.first + 12))
    return [
        (intent.name, text)
        for intent in sentences.intents.values()
        for template in intent.templates
        for text in sample_sentence(template, lists, sentences.rules, language="en")
    ]


def test_every_sentence_that_the_grammar_can_produce_is_understood_as_its_intent() -> None:
    texts = sampled(SENTENCES)
    assert len(texts) > 500
    wrong = [(intent, text, found(text)) for intent, text in texts if (found(text) or ("",))[0] != intent]
    assert not wrong


def test_the_grammar_has_one_public_rule_and_all_rules_it_names() -> None:
    jsgf = Grammar(SENTENCES).jsgf
    assert jsgf.count("public") == 1
    defined = set(re.findall(r"^(?:public )?<(\w+)> =", jsgf, re.M))
    assert set(re.findall(r"<(\w+)>", jsgf)) == defined
    assert jsgf.count("(") == jsgf.count(")")
    assert jsgf.count("[") == jsgf.count("]")


def test_own_sentences_are_added_and_replace_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN + '  Hello: {sentences: ["howdy"], reply: "Howdy from {device}."}\n  Restart: null\n')
    matcher = IntentMatcher(load_sentences([path]))
    command = matcher.match("close the blind in the bath")
    assert command is not None
    assert {key: fill_value(value, command.slots) for key, value in command.intent.arguments.items()} == {
        "room": "bath"
    }
    assert fill_text(command.intent.replies[0], command.slots) == "The blind in the bath moves."
    assert matcher.match("howdy") is not None
    assert matcher.match("hello") is None
    assert matcher.match("restart") is None
    assert matcher.match("turn on the light") is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("intents: [", "own.yaml is not valid YAML"),
        ("sentences: {}", "own.yaml: there is no section 'sentences'"),
        ("intents: {A: {sentences: 'go', reply: ok, tol: x}}", "own.yaml: intent A: there is no key 'tol'"),
        ("intents: {A: {sentences: 'go', reply: ok, action: fly}}", "own.yaml: intent A: there is no action 'fly'"),
        ("intents: {A: {sentences: 'go'}}", "own.yaml: intent A: it has no reply"),
        ("intents: {A: {reply: ok}}", "own.yaml: intent A: it has no sentences"),
        ("intents: {A: {sentences: 'go (left', reply: ok}}", "own.yaml: intent A: the template 'go (left'"),
        ("intents: {A: {sentences: 'go {where}', reply: ok}}", "own.yaml: intent A: there is no list {where}"),
        ("intents: {A: {sentences: 'go <where>', reply: ok}}", "own.yaml: intent A: there is no rule <where>"),
        (
            "lists: {w: [left]}\nintents: {A: {sentences: 'go [{w}]', reply: 'to {w}'}}",
            "own.yaml: intent A: 'to {w}' uses {w}, which not every sentence of it fills",
        ),
        (
            "lists: {w: {up: {x: 1}, down: {y: 2}}}\nintents: {A: {sentences: 'go {w}', reply: 'to {w.x}'}}",
            "own.yaml: intent A: 'to {w.x}' uses {w.x}, which not every value has",
        ),
        ("intents: {A: {sentences: [on, off], reply: ok}}", "own.yaml: intent A: a text belongs here, not True"),
        ("lists: {w: {from: 5, to: 1}}", "own.yaml: list w: a range is"),
        ("rules: {a: '<b>', b: '<a>'}\nintents: {A: {sentences: 'go <a>', reply: ok}}", "in a circle"),
    ],
)
def test_an_error_names_the_file_the_intent_and_the_problem(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        merge_sentences([("own.yaml", text)])


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("turn on the light[s]", "own.yaml: intent A: only whole words"),
        ("go 10 meters", "own.yaml: intent A: '10' cannot be spoken"),
        ("geh {w}s", "own.yaml: intent A: only whole words"),
    ],
)
def test_a_template_that_cannot_be_spoken_is_refused(template: str, says: str) -> None:
    sentences = merge_sentences(
        [("own.yaml", f"lists: {{w: [left]}}\nintents: {{A: {{sentences: '{template}', reply: ok}}}}")]
    )
    with pytest.raises(ConfigError, match=re.escape(says)):
        Grammar(sentences)
