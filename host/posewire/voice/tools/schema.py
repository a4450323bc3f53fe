"""JSON schemas of tool arguments: made from typed functions, and checked, with tolerance for careless models."""

import inspect
import math
import types
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from posewire.errors import ConfigError, ToolError
from posewire.wire.json_text import parse_json

MAX_ARGUMENTS = 16 * 1024
"""Longest JSON text of arguments, in characters."""

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
_NOTHING = inspect.Parameter.empty

_MAX_REFERENCES = 1000
"""References that are followed to check one call. Twenty definitions that each refer to the next one twice are a
million steps."""

_MAX_REFERENCE_DEPTH = 32
"""References that lead into one another. A schema that refers to itself ends here, well before the interpreter's own
limit: reaching that inside a compiled library is a panic, not an exception."""

_references_left: ContextVar[int] = ContextVar("references_left")
_reference_depth: ContextVar[int] = ContextVar("reference_depth")


def _limited(follow: Callable[..., Iterator[ValidationError]]) -> Callable[..., Iterator[ValidationError]]:
    def limited(*parts: Any) -> Iterator[ValidationError]:
        left, depth = _references_left.get(), _reference_depth.get()
        if left == 0 or depth == _MAX_REFERENCE_DEPTH:
            raise RecursionError
        _references_left.set(left - 1)
        _reference_depth.set(depth + 1)
        yield from follow(*parts)
        _reference_depth.set(depth)

    return limited


# A pattern that comes from a device or another server would run here, as slowly as it likes: it is left to its owner.
_Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "pattern": None,
        "patternProperties": None,
        "$ref": _limited(Draft202012Validator.VALIDATORS["$ref"]),
        "$dynamicRef": _limited(Draft202012Validator.VALIDATORS["$dynamicRef"]),
    },
)


def arguments_from_json(text: str) -> dict[str, Any]:
    """Parse the arguments of a call as LLM services send them; an empty text means none.

    Raises:
        ToolError: the text is not a JSON object, or too long.
    """
    if len(text) > MAX_ARGUMENTS:
        raise ToolError(f"the arguments must have at most {MAX_ARGUMENTS} characters")
    try:
        arguments = parse_json(text) if text.strip() else {}
    except ValueError as exc:
        raise ToolError(f"the arguments are not JSON: {exc}") from None
    if not isinstance(arguments, dict):
        raise ToolError("the arguments must be a JSON object")
    return arguments


def checked_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Check arguments, and return them with numbers and booleans read from texts where the schema wants that.

    A schema that is itself wrong checks nothing: the tool decides.

    Raises:
        ToolError: an argument is missing or does not fit; the message says which, and what is expected.
    """
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        properties = {}
    _references_left.set(_MAX_REFERENCES)
    _reference_depth.set(0)
    coerced = {name: _coerced(value, properties.get(name)) for name, value in arguments.items()}
    try:
        _Validator.check_schema(schema)
        # An empty registry: a reference to another document is not fetched.
        error = best_match(_Validator(schema, registry=Registry()).iter_errors(coerced))
    except (SchemaError, Unresolvable, RecursionError, TypeError, ValueError):
        return coerced
    if error is not None:
        raise ToolError(_complaint(error))
    return coerced


def schema_of(function: Callable[..., Any], given: tuple[type, ...] = ()) -> dict[str, Any]:
    """Return the JSON schema of a function's parameters.

    Texts, numbers, booleans, ``Literal``, ``Enum`` of texts, lists and dicts of them, ``X | None``;
    ``Annotated[X, "description"]`` describes one. Parameters of the types in ``given`` are left out.

    Raises:
        ConfigError: a parameter has no type, or one that JSON does not have; the message names it.
    """
    properties: dict[str, Any] = {}
    required = []
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as exc:
        raise ConfigError(f"the tool {function.__name__}: {exc}") from None
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name, _NOTHING)
        if hint in given:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ConfigError(f"the tool {function.__name__}: {parameter} cannot be given by name")
        try:
            schema = _type_schema(hint)
        except TypeError:
            raise ConfigError(f"the tool {function.__name__}: {parameter} must have a JSON type") from None
        if parameter.default is _NOTHING:
            required.append(parameter.name)
        elif parameter.default is not None:
            default = parameter.default
            schema["default"] = default.value if isinstance(default, Enum) else default
        properties[parameter.name] = schema
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _type_schema(hint: Any) -> dict[str, Any]:
    if isinstance(hint, type) and hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if hint is Any:
        return {}
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        schema = _type_schema(parts[0])
        texts = [part for part in parts[1:] if isinstance(part, str)]
        more = [part for part in parts[1:] if isinstance(part, Mapping)]
        for part in more:
            schema.update(part)
        return {**schema, "description": " ".join(texts)} if texts else schema
    if origin is Literal and all(type(part) in _PLAIN for part in parts):
        kinds = {_PLAIN[type(part)] for part in parts}
        return {"enum": list(parts), **({"type": kinds.pop()} if len(kinds) == 1 else {})}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if origin in (Union, types.UnionType):
        choices = [_type_schema(part) for part in parts if part is not type(None)]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    if hint is list or origin is list:
        return {"type": "array", **({"items": _type_schema(parts[0])} if parts else {})}
    if hint is dict or origin is dict:
        return {"type": "object"}
    raise TypeError(hint)


def _coerced(value: Any, schema: Any) -> Any:
    """Return the value in a text where the schema wants no text: models write ``"42"`` or 42.0 for 42."""
    if not isinstance(schema, Mapping):
        return value
    wanted = schema.get("type")
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if wanted == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if wanted in ("integer", "number"):
        try:
            number = float(text)
        except ValueError:
            return value
        if not math.isfinite(number):
            return value
        if wanted == "number":
            return number
        return int(number) if number.is_integer() else value
    return value


def _complaint(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    return f"{where}: {error.message[:300]}" if where else error.message[:300]
