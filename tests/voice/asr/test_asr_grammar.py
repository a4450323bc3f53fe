"""The grammar and the intents come from one source: whatever can be heard is understood."""

import re

import pytest
from hassil.intents import RangeSlotList
from hassil.sample import sample_sentence

from posewire.errors import ConfigError
from posewire.voice.asr.grammar import Grammar
from posewire.voice.commands.intents import IntentMatcher
from posewire.voice.commands.sentences import NumberRange, Sentences
from posewire.voice.commands.sentences_file import load_sentences, merge_sentences

SENTENCES = load_sentences()
MATCHER = IntentMatcher(SENTENCES)


def found(text: str) -> tuple[str, dict[str, object]] | None:
    command = MATCHER.match(text)
    return command and (command.intent.name, {name: slot.value for name, slot in command.values.items()})


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
