"""The sentences files: merged in order; errors name the file, the intent and the problem."""

import re
from pathlib import Path

import pytest

from posewire.errors import ConfigError
from posewire.voice.commands.intents import IntentMatcher
from posewire.voice.commands.placeholders import fill_argument, fill_text
from posewire.voice.commands.sentences_file import load_sentences, merge_sentences

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


def test_own_sentences_are_added_and_replace_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN + '  Hello: {sentences: ["howdy"], reply: "Howdy from {device}."}\n  Restart: null\n')
    matcher = IntentMatcher(load_sentences([path]))
    command = matcher.match("close the blind in the bath")
    assert command is not None
    assert {key: fill_argument(value, command.values) for key, value in command.intent.arguments.items()} == {
        "room": "bath"
    }
    assert fill_text(command.intent.replies[0], command.values) == "The blind in the bath moves."
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
        ("intents: {A: {sentences: [on, off], reply: ok}}", "own.yaml: intent A: it must be a text, is True"),
        ("lists: {w: {from: 5, to: 1}}", "own.yaml: list w: from and to must be whole numbers between 0 and 999"),
        ("rules: {a: '<b>', b: '<a>'}\nintents: {A: {sentences: 'go <a>', reply: ok}}", "in a circle"),
    ],
)
def test_an_error_names_the_file_the_intent_and_the_problem(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        merge_sentences([("own.yaml", text)])
