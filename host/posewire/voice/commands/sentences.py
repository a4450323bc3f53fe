"""The sentences file: what is understood, what it does, what is said. Read, merged and checked here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

import yaml  # type: ignore[import-untyped,unused-ignore]
from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    RuleReference,
    Sentence,
    TextChunk,
)
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError

from posewire.errors import ConfigError
from posewire.voice.commands.actions import ACTIONS
from posewire.voice.commands.templates import Slot, placeholders

_SECTIONS = ("language", "skip_words", "rules", "lists", "phrases", "intents", "pronunciations")
_PHRASES = ("not_understood", "missing", "failed")
_INTENT_KEYS = (
    "sentences",
    "typed",
    "tool",
    "action",
    "arguments",
    "reply",
    "missing",
    "failed",
    "help",
    "emotion",
    "confirm",
    "reply_first",
)
_EMOTIONS = (
    "neutral", "happy", "laughing", "sad", "thinking", "confused", "confident", "surprised", "sleepy"
)  # fmt: skip
_MAX_RANGE = 1000
_MAX_DEPTH = 16


@dataclass(frozen=True)
class NumberRange:
    """A list that is a range of whole numbers, both ends in it."""

    first: int
    last: int


@dataclass(frozen=True)
class IntentSpec:
    """One intent of the sentences file; the keys are explained at the top of ``data/sentences.yaml``."""

    name: str
    source: str
    templates: tuple[Sentence, ...]
    typed: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    """Names of one tool on different devices: the first that is there is called."""

    action: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    replies: tuple[str, ...] = ()
    missing: str = ""
    failed: str = ""
    help: str = ""
    emotion: str = "neutral"
    confirm: str = ""
    reply_first: bool = False


@dataclass(frozen=True)
class Sentences:
    """All sentences files, merged."""

    intents: Mapping[str, IntentSpec]
    rules: Mapping[str, Sentence]
    lists: Mapping[str, Mapping[str, Slot] | NumberRange]
    skip_words: tuple[str, ...]
    phrases: Mapping[str, str]
    """What is said when nothing else fits: ``not_understood``, ``missing``, ``failed``."""

    pronunciations: Mapping[str, str]


def load_sentences(paths: Iterable[Path] = ()) -> Sentences:
    """Read the shipped sentences and then each file; an intent, list or rule of the same name replaces the older one.

    Raises:
        ConfigError: not readable, not YAML, or wrong; the message names the file, the intent and the problem.
    """
    shipped = files("posewire.voice") / "data" / "sentences.yaml"
    texts = [("sentences.yaml", shipped.read_text(encoding="utf-8"))]
    for path in paths:
        try:
            texts.append((str(path), path.expanduser().read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(f"cannot read {path}: {exc}") from None
    return merge_sentences(texts)


def merge_sentences(texts: Iterable[tuple[str, str]]) -> Sentences:
    """Merge and check (name, YAML text) pairs.

    Raises:
        ConfigError: as ``load_sentences``.
    """
    intents: dict[str, IntentSpec] = {}
    rules: dict[str, Sentence] = {}
    lists: dict[str, Mapping[str, Slot] | NumberRange] = {}
    skip_words: list[str] = []
    phrases: dict[str, str] = {}
    pronunciations: dict[str, str] = {}
    for name, text in texts:
        for section, content in _parse_yaml(name, text).items():
            where = f"{name}: {section}"
            match section:
                case "language":
                    if content != "en":
                        _fail(where, f"only en is there, not {content!r}")
                case "skip_words":
                    skip_words += [word for word in _texts(where, content) if word not in skip_words]
                case "rules":
                    for key, template in _mapping(where, content).items():
                        rules[key] = _template(f"{name}: rule {key}", template)
                case "lists":
                    for key, values in _mapping(where, content).items():
                        lists[key] = _list(f"{name}: list {key}", values)
                case "phrases":
                    for key, phrase in _mapping(where, content).items():
                        if key not in _PHRASES:
                            _fail(where, f"there is no phrase {key!r}; there are {', '.join(_PHRASES)}")
                        phrases[key] = _text(f"{where} {key}", phrase)
                case "pronunciations":
                    for word, phones in _mapping(where, content).items():
                        pronunciations[word.lower()] = _text(f"{where} {word}", phones)
                case _:
                    for key, spec in _mapping(where, content).items():
                        intents.pop(key, None)
                        if spec is not None:
                            intents[key] = _intent(name, key, _mapping(f"{name}: intent {key}", spec))
    sentences = Sentences(intents, rules, lists, tuple(skip_words), phrases, pronunciations)
    for intent in intents.values():
        _check_references(intent, sentences)
    return sentences


# --- reading


def _parse_yaml(name: str, text: str) -> dict[str, Any]:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise ConfigError(f"{name} is not valid YAML: {exc}") from None
    data = _mapping(name, data)
    for section in data:
        if section not in _SECTIONS:
            _fail(name, f"there is no section {section!r}; there are {', '.join(_SECTIONS)}")
    return data


def _intent(source: str, name: str, spec: dict[str, Any]) -> IntentSpec:
    where = f"{source}: intent {name}"
    if not name.isidentifier():
        _fail(where, "a name is letters, digits and underscores")
    for key in spec:
        if key not in _INTENT_KEYS:
            _fail(where, f"there is no key {key!r}; there are {', '.join(_INTENT_KEYS)}")
    action, emotion = spec.get("action", ""), spec.get("emotion", "neutral")
    if action and action not in ACTIONS:
        _fail(where, f"there is no action {action!r}; there are {', '.join(ACTIONS)}")
    if emotion not in _EMOTIONS:
        _fail(where, f"there is no emotion {emotion!r}; there are {', '.join(_EMOTIONS)}")
    replies = _texts(where, spec.get("reply", []))
    if not replies:
        _fail(where, "it has no reply")
    templates = tuple(_template(where, text) for text in _texts(where, spec.get("sentences", [])))
    typed = tuple(text.lower() for text in _texts(where, spec.get("typed", [])))
    if not templates and not typed:
        _fail(where, "it has no sentences")
    reply_first = spec.get("reply_first", False)
    if not isinstance(reply_first, bool):
        _fail(where, "reply_first is true or false")
    return IntentSpec(
        name=name,
        source=source,
        templates=templates,
        typed=typed,
        tools=_texts(where, spec.get("tool", [])),
        action=action,
        arguments=_mapping(where, spec.get("arguments", {})),
        replies=replies,
        missing=_text(where, spec.get("missing", "")),
        failed=_text(where, spec.get("failed", "")),
        help=_text(where, spec.get("help", "")),
        emotion=emotion,
        confirm=_text(where, spec.get("confirm", "")),
        reply_first=reply_first,
    )


def _template(where: str, text: Any) -> Sentence:
    try:
        return parse_sentence(_text(where, text).lower(), keep_text=True)
    except ParseError as exc:
        _fail(where, f"the template {text!r} does not parse: {exc}")


def _list(where: str, values: Any) -> Mapping[str, Slot] | NumberRange:
    if isinstance(values, list):
        values = {str(value): str(value) for value in values}
    values = _mapping(where, values)
    if set(values) == {"from", "to"}:
        first, last = values["from"], values["to"]
        if not (isinstance(first, int) and isinstance(last, int) and 0 <= first <= last < _MAX_RANGE):
            _fail(where, f"a range is two whole numbers, 0 … {_MAX_RANGE - 1}, the smaller one first")
        return NumberRange(first, last)
    if not values:
        _fail(where, "it has no values")
    slots = {}
    for text, value in values.items():
        fields = value if isinstance(value, dict) else {}
        plain = text if isinstance(value, dict) else value
        slots[text.lower()] = Slot(str(plain), plain, fields)
    return slots


def _mapping(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        _fail(where, f"a mapping belongs here, not {value!r}")
    # YAML reads a bare on, off, yes or no as a truth value.
    for key in value:
        if not isinstance(key, str):
            _fail(where, f"put {key!r} into quotes")
    return value


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        _fail(where, f"a text belongs here, not {value!r} (quotes may help)")
    return value


def _texts(where: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(_text(where, entry) for entry in values)


def _fail(where: str, problem: str) -> NoReturn:
    raise ConfigError(f"{where}: {problem}")


# --- checking


def _parts(expression: Expression, rules: Mapping[str, Sentence], depth: int = 0) -> Iterator[Expression]:
    if depth > _MAX_DEPTH:
        raise ConfigError("the rules refer to each other in a circle")
    yield expression
    if isinstance(expression, Group):
        for item in expression.items:
            yield from _parts(item, rules, depth)
    elif isinstance(expression, RuleReference) and expression.rule_name in rules:
        yield from _parts(rules[expression.rule_name].expression, rules, depth + 1)


def _check_references(intent: IntentSpec, sentences: Sentences) -> None:
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
        certain = _certain_slots(template.expression, sentences.rules)
        always = certain if always is None else always & certain
    if intent.typed:
        always = set()
    known = (always or set()) | set(ACTIONS[intent.action].results if intent.action else ()) | {"device"}
    arguments = [value for value in intent.arguments.values() if isinstance(value, str)]
    in_replies = [*intent.replies, intent.confirm]
    for template_text in [*arguments, *in_replies]:
        extra = {"result"} if intent.tools and not intent.reply_first and template_text in intent.replies else set()
        for slot, inner in placeholders(template_text):
            if slot not in known | extra:
                _fail(where, f"{template_text!r} uses {{{slot}}}, which not every sentence of it fills")
            if inner and inner not in fields.get(slot, set()):
                _fail(where, f"{template_text!r} uses {{{slot}.{inner}}}, which not every value has")


def _fields(values: Mapping[str, Slot] | NumberRange, so_far: set[str] | None) -> set[str]:
    """Fields that every value of the list has (and had in the lists before)."""
    if isinstance(values, NumberRange):
        return set()
    common = set.intersection(*(set(slot.fields) for slot in values.values()))
    return common if so_far is None else common & so_far


def _certain_slots(expression: Expression, rules: Mapping[str, Sentence]) -> set[str]:
    """Slots that are filled whichever way through the template a sentence takes."""
    if isinstance(expression, ListReference):
        return {expression.slot_name}
    if isinstance(expression, RuleReference):
        return _certain_slots(rules[expression.rule_name].expression, rules)
    if isinstance(expression, Alternative):
        return set.intersection(*(_certain_slots(item, rules) for item in expression.items))
    if isinstance(expression, Group):
        return set().union(*(_certain_slots(item, rules) for item in expression.items))
    assert isinstance(expression, TextChunk)
    return set()
