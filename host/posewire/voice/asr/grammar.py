"""The recogniser's grammar (JSGF), made from the sentences: it hears exactly the sentences that are understood."""

import itertools
import re
from collections.abc import Iterable

from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    TextChunk,
)

from posewire.errors import ConfigError
from posewire.voice.commands.numbers import number_words
from posewire.voice.commands.sentences import IntentSpec, NumberRange, Sentences

_WORD = re.compile(r"[a-z][a-z']*")
_MAX_PERMUTED = 4


class Grammar:
    """JSGF text and the words in it.

    Raises:
        ConfigError: a template cannot be spoken; the message names the file, the intent and the problem.
    """

    def __init__(self, sentences: Sentences) -> None:
        self.words: dict[str, str] = {}
        """Each word, with the first place in the files that uses it."""

        self._place = ""
        lines = []
        for name, values in sentences.lists.items():
            self._place = f"list {name}"
            texts = _range_words(values) if isinstance(values, NumberRange) else list(values)
            lines.append(f"<list_{name}> = ( {self._prefix_tree(self._words(text).split() for text in texts)} );")
        for name, rule in sentences.rules.items():
            self._place = f"rule {name}"
            lines.append(f"<rule_{name}> = {self._expression(rule.expression)};")
        spoken = [intent for intent in sentences.intents.values() if intent.templates]
        lines.extend(f"<intent_{intent.name}> = {self._intent(intent)};" for intent in spoken)
        self._place = "skip_words"
        skip = self._alternatives(self._words(word) for word in sentences.skip_words)
        around = f" [ {skip} ] " if sentences.skip_words else " "
        command = self._alternatives(f"<intent_{intent.name}>" for intent in spoken)
        # One public rule: of several, the decoder takes only one.
        lines.append(f"public <command> ={around}{command}{around};")
        self.jsgf = "\n".join(["#JSGF V1.0;", "grammar posewire;", *lines, ""])

    def _intent(self, intent: IntentSpec) -> str:
        self._place = f"{intent.source}: intent {intent.name}"
        return self._alternatives(self._expression(template.expression) for template in intent.templates)

    def _alternatives(self, options: Iterable[str]) -> str:
        return "( " + " | ".join(options) + " )"

    def _prefix_tree(self, phrases: Iterable[list[str]]) -> str:
        """Return alternatives with common beginnings written once: the decoder's work grows with the branches."""
        following: dict[str, list[list[str]]] = {}
        for words in phrases:
            following.setdefault(words[0], []).append(words[1:])
        branches = []
        for word, rests in following.items():
            longer = [rest for rest in rests if rest]
            tail = f" {'[' if len(longer) < len(rests) else '('} {self._prefix_tree(longer)} " if longer else ""
            branches.append(word + tail + ("" if not longer else "]" if len(longer) < len(rests) else ")"))
        return " | ".join(branches)

    def _words(self, text: str) -> str:
        words = text.split()
        for word in words:
            if not _WORD.fullmatch(word):
                raise ConfigError(f"{self._place}: {word!r} cannot be spoken; write it in words (or under typed:)")
            self.words.setdefault(word, self._place)
        return " ".join(words)

    def _expression(self, expression: Expression) -> str:
        if isinstance(expression, TextChunk):
            return self._words(expression.text)
        if isinstance(expression, ListReference):
            return f"<list_{expression.list_name}>"
        if isinstance(expression, RuleReference):
            return f"<rule_{expression.rule_name}>"
        assert isinstance(expression, Group)
        if isinstance(expression, Permutation):
            if len(expression.items) > _MAX_PERMUTED:
                raise ConfigError(f"{self._place}: at most {_MAX_PERMUTED} parts can be in any order")
            parts = [part for part in map(self._expression, expression.items) if part]
            return self._alternatives(" ".join(order) for order in itertools.permutations(parts))
        if isinstance(expression, Alternative):
            options = [option for option in map(self._expression, expression.items) if option]
            if not options:
                return ""
            inside = " | ".join(options)
            return f"[ {inside} ]" if len(options) < len(expression.items) else f"( {inside} )"
        for before, after in itertools.pairwise(expression.items):
            if _ends_inside_word(before) and _starts_inside_word(after):
                raise ConfigError(f"{self._place}: only whole words: write (light|lights) instead of light[s]")
        return " ".join(part for part in map(self._expression, expression.items) if part)


def _range_words(values: NumberRange) -> list[str]:
    return [number_words(number) for number in range(values.first, values.last + 1)]


def _starts_inside_word(expression: Expression) -> bool:
    text = _edge(expression, 0)
    return text is None or not text[:1].isspace()


def _ends_inside_word(expression: Expression) -> bool:
    text = _edge(expression, -1)
    return text is None or not text[-1:].isspace()


def _edge(expression: Expression, which: int) -> str | None:
    """Return the text at one end of an expression; None where there is none (a placeholder, a rule)."""
    if isinstance(expression, TextChunk):
        return expression.text or " "
    if isinstance(expression, Alternative | Permutation):
        # Of several edges the one without a space matters.
        edges = [_edge(item, which) for item in expression.items]
        return next((edge for edge in edges if edge is None or not edge[which].isspace()), " ")
    if isinstance(expression, Group):
        return _edge(expression.items[which], which) if expression.items else " "
    return None
