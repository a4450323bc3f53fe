"""From a text to a command: an intent and the values of its placeholders."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from hassil import Intents, recognize_best
from hassil.intents import Intent, IntentData, RangeSlotList, SlotList, TextSlotList

from posewire.voice.commands.placeholders import PlaceholderValue
from posewire.voice.commands.sentences import IntentSpec, NumberRange, Sentences

_MAX_TEXT = 200
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'"})
_NOISE = re.compile(r"[^\w\s']+")


@dataclass(frozen=True)
class Command:
    """An intent and the values of its placeholders."""

    intent: IntentSpec
    values: Mapping[str, PlaceholderValue]


class IntentMatcher:
    """Matches texts against the sentences; shared, without any state of a conversation."""

    name = "commands (offline)"

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences
        self._typed = {normal_text(text): intent for intent in sentences.intents.values() for text in intent.typed}
        self._intents = _hassil_intents(sentences)
        # The first match builds tables; not while somebody waits for an answer.
        self.match("set the volume to thirty five percent")

    def match(self, text: str) -> Command | None:
        """Return the command in a text, or None. Case, punctuation and skip words do not matter."""
        text = normal_text(text[:_MAX_TEXT])
        if text in self._typed:
            return Command(self._typed[text], {})
        found = recognize_best(text, self._intents)
        if found is None:
            return None
        values = {}
        for name, entity in found.entities.items():
            # hassil carries our own value in a text list; of a range, the number (digits come as a float).
            value = entity.value
            values[name] = value if isinstance(value, PlaceholderValue) else _number(value)
        return Command(self._sentences.intents[found.intent.name], values)


def _hassil_intents(sentences: Sentences) -> Intents:
    intents = {
        intent.name: Intent(intent.name, [IntentData([template.text or "" for template in intent.templates])])
        for intent in sentences.intents.values()
        if intent.templates
    }
    lists: dict[str, SlotList] = {
        name: RangeSlotList(name=name, start=values.first, stop=values.last)
        if isinstance(values, NumberRange)
        else TextSlotList.from_tuples(values.items(), allow_template=False, name=name)
        for name, values in sentences.lists.items()
    }
    return Intents(
        language="en",
        intents=intents,
        slot_lists=lists,
        expansion_rules=dict(sentences.rules),
        skip_words=list(sentences.skip_words),
    )


def _number(value: float) -> PlaceholderValue:
    return PlaceholderValue(str(int(value)), int(value))


def normal_text(text: str) -> str:
    """Return a text in the form in which texts are compared: lower case, no punctuation, single spaces."""
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).lower()
    text = text.replace("%", " percent ")
    return " ".join(_NOISE.sub(" ", text).split())
