"""The references in sentences files: every rule, list and placeholder that an intent names must be there."""

from collections.abc import Iterator, Mapping
from typing import NoReturn

from hassil.expression import Alternative, Expression, Group, ListReference, RuleReference, Sentence, TextChunk

from posewire.errors import ConfigError
from posewire.voice.commands.actions import ACTIONS
from posewire.voice.commands.placeholders import PlaceholderValue, placeholders
from posewire.voice.commands.sentences import IntentSpec, NumberRange, Sentences

_MAX_DEPTH = 16


def check_references(intent: IntentSpec, sentences: Sentences) -> None:
    """Check that an intent refers to rules, lists and placeholders that there are.

    Raises:
        ConfigError: it does not; the message names the file, the intent and the problem.
    """
    where = f"{intent.source}: intent {intent.name}"
    always: set[str] | None = None
    fields: dict[str, set[str]] = {}
    for template in intent.templates:
        for part in _parts(template.expression, sentences.rules):
            if isinstance(part, RuleReference) and part.rule_name not in sentences.rules:
                _fail(where, f"there is no rule <{part.rule_name}>")
            if isinstance(part, ListReference):
                if part.list_name not in sentences.lists:
                    _fail(where, f"there is no list {{{part.list_name}}}")
                fields[part.slot_name] = _fields(sentences.lists[part.list_name], fields.get(part.slot_name))
        certain = _certain_placeholders(template.expression, sentences.rules)
        always = certain if always is None else always & certain
    if intent.typed:
        always = set()
    known = (always or set()) | set(ACTIONS[intent.action].results if intent.action else ()) | {"device"}
    arguments = [value for value in intent.arguments.values() if isinstance(value, str)]
    in_replies = [*intent.replies, intent.confirm]
    for template_text in [*arguments, *in_replies]:
        extra = {"result"} if intent.tools and not intent.reply_first and template_text in intent.replies else set()
        for name, inner in placeholders(template_text):
            if name not in known | extra:
                _fail(where, f"{template_text!r} uses {{{name}}}, which not every sentence of it fills")
            if inner and inner not in fields.get(name, set()):
                _fail(where, f"{template_text!r} uses {{{name}.{inner}}}, which not every value has")


def _parts(expression: Expression, rules: Mapping[str, Sentence], depth: int = 0) -> Iterator[Expression]:
    if depth > _MAX_DEPTH:
        raise ConfigError("the rules refer to each other in a circle")
    yield expression
    if isinstance(expression, Group):
        for item in expression.items:
            yield from _parts(item, rules, depth)
    elif isinstance(expression, RuleReference) and expression.rule_name in rules:
        yield from _parts(rules[expression.rule_name].expression, rules, depth + 1)


def _fields(values: Mapping[str, PlaceholderValue] | NumberRange, so_far: set[str] | None) -> set[str]:
    """Return the fields that every value of the list has, and that are in ``so_far`` (None: no list came before)."""
    if isinstance(values, NumberRange):
        return set()
    common = set.intersection(*(set(value.fields) for value in values.values()))
    return common if so_far is None else common & so_far


def _certain_placeholders(expression: Expression, rules: Mapping[str, Sentence]) -> set[str]:
    """Return the placeholders that are filled whichever way through the template a sentence takes."""
    if isinstance(expression, ListReference):
        return {expression.slot_name}
    if isinstance(expression, RuleReference):
        return _certain_placeholders(rules[expression.rule_name].expression, rules)
    if isinstance(expression, Alternative):
        return set.intersection(*(_certain_placeholders(item, rules) for item in expression.items))
    if isinstance(expression, Group):
        return set().union(*(_certain_placeholders(item, rules) for item in expression.items))
    assert isinstance(expression, TextChunk)
    return set()


def _fail(where: str, problem: str) -> NoReturn:
    raise ConfigError(f"{where}: {problem}")
