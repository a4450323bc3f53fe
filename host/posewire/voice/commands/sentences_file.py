"""The sentences files: read, merged and checked."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

import yaml  # type: ignore[import-untyped,unused-ignore]
from hassil.expression import Sentence
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError

from posewire.errors import ConfigError
from posewire.voice.commands.actions import ACTIONS
from posewire.voice.commands.placeholders import PlaceholderValue
from posewire.voice.commands.references import check_references
from posewire.voice.commands.sentences import IntentSpec, NumberRange, Sentences
from posewire.voice.emotions import EMOJI

_SECTIONS = ("language", "skip_words", "rules", "lists", "phrases", "intents", "pronunciations")
_PHRASES = ("not_understood", "missing", "failed", "done", "no_answer")
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
_MAX_RANGE = 1000


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
    lists: dict[str, Mapping[str, PlaceholderValue] | NumberRange] = {}
    skip_words: list[str] = []
    phrases: dict[str, str] = {}
    pronunciations: dict[str, str] = {}
    for name, text in texts:
        for section, content in _parse_yaml(name, text).items():
            where = f"{name}: {section}"
            match section:
                case "language":
                    if content != "en":
                        _fail(where, f"the language must be en, is {content!r}")
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
        check_references(intent, sentences)
    return sentences


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
        _fail(where, "the name must be letters, digits and underscores")
    for key in spec:
        if key not in _INTENT_KEYS:
            _fail(where, f"there is no key {key!r}; there are {', '.join(_INTENT_KEYS)}")
    action, emotion = spec.get("action", ""), spec.get("emotion", "neutral")
    if action and action not in ACTIONS:
        _fail(where, f"there is no action {action!r}; there are {', '.join(ACTIONS)}")
    if emotion not in EMOJI:
        _fail(where, f"there is no emotion {emotion!r}; there are {', '.join(EMOJI)}")
    replies = _texts(where, spec.get("reply", []))
    if not replies:
        _fail(where, "it has no reply")
    templates = tuple(_template(where, text) for text in _texts(where, spec.get("sentences", [])))
    typed = tuple(text.lower() for text in _texts(where, spec.get("typed", [])))
    if not templates and not typed:
        _fail(where, "it has no sentences")
    reply_first = spec.get("reply_first", False)
    if not isinstance(reply_first, bool):
        _fail(where, f"reply_first must be true or false, is {reply_first!r}")
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


def _list(where: str, values: Any) -> Mapping[str, PlaceholderValue] | NumberRange:
    if isinstance(values, list):
        values = {str(value): str(value) for value in values}
    values = _mapping(where, values)
    if set(values) == {"from", "to"}:
        first, last = values["from"], values["to"]
        if not (isinstance(first, int) and isinstance(last, int) and 0 <= first <= last < _MAX_RANGE):
            _fail(where, f"from and to must be whole numbers between 0 and {_MAX_RANGE - 1}, the smaller one first")
        return NumberRange(first, last)
    if not values:
        _fail(where, "it has no values")
    placeholder_values = {}
    for text, value in values.items():
        fields = value if isinstance(value, dict) else {}
        plain = text if isinstance(value, dict) else value
        placeholder_values[text.lower()] = PlaceholderValue(str(plain), plain, fields)
    return placeholder_values


def _mapping(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        _fail(where, f"it must be a mapping, is {value!r}")
    # YAML reads a bare on, off, yes or no as a truth value.
    for key in value:
        if not isinstance(key, str):
            _fail(where, f"put {key!r} into quotes")
    return value


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        _fail(where, f"it must be a text, is {value!r} (quotes may help)")
    return value


def _texts(where: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(_text(where, entry) for entry in values)


def _fail(where: str, problem: str) -> NoReturn:
    raise ConfigError(f"{where}: {problem}")
