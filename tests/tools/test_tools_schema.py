"""Schemas: made from functions, and what is let through."""

import enum
import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import ConfigError, ToolError
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.schema import arguments_from_json, checked_arguments, schema_of


class Speed(enum.Enum):
    SLOW = "slow"
    FAST = "fast"


def drive(
    direction: Literal["forward", "backward"],
    meters: Annotated[int, "how far", {"minimum": 1, "maximum": 100}],
    context: ToolContext,
    speed: Speed = Speed.SLOW,
    steps: list[float] | None = None,
) -> None:
    """Not called."""


DRIVE = schema_of(drive, given=(ToolContext,))


def test_a_function_has_a_schema() -> None:
    assert DRIVE == {
        "type": "object",
        "properties": {
            "direction": {"enum": ["forward", "backward"], "type": "string"},
            "meters": {"type": "integer", "description": "how far", "minimum": 1, "maximum": 100},
            "speed": {"enum": ["slow", "fast"], "default": "slow"},
            "steps": {"type": "array", "items": {"type": "number"}},
        },
        "required": ["direction", "meters"],
        "additionalProperties": False,
    }


def test_a_parameter_that_json_does_not_have_is_named() -> None:
    def bad(thing: complex) -> None: ...
    def bare(thing) -> None: ...  # type: ignore[no-untyped-def]
    def many(*things: int) -> None: ...

    for function in (bad, bare, many):
        with pytest.raises(ConfigError, match="thing"):
            schema_of(function)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"direction": "forward"}, "meters"),
        ({"direction": "up", "meters": 1}, "direction: 'up'"),
        ({"direction": "forward", "meters": 101}, "meters: 101"),
        ({"direction": "forward", "meters": "far"}, "meters: 'far'"),
        ({"direction": "forward", "meters": 1, "by": "car"}, "by"),
        ({"direction": "forward", "meters": True}, "meters: True"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ToolError, match=complaint):
        checked_arguments(DRIVE, arguments)


def test_numbers_in_texts_are_taken_out() -> None:
    assert checked_arguments(DRIVE, {"direction": "forward", "meters": "7"})["meters"] == 7
    assert checked_arguments(DRIVE, {"direction": "forward", "meters": 7.0})["meters"] == 7
    on = {"properties": {"on": {"type": "boolean"}, "level": {"type": "number"}}}
    assert checked_arguments(on, {"on": "True", "level": "0.5"}) == {"on": True, "level": 0.5}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"properties": {"a": {"pattern": "(a+)+$"}}},
        {"properties": 5},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_is_wrong_or_a_trap_does_not_stand_in_the_way(schema: dict[str, Any]) -> None:
    assert checked_arguments(schema, {"a": "a" * 40 + "!"}) == {"a": "a" * 40 + "!"}


@pytest.mark.parametrize("text", ["[1]", "{", "nonsense", "[" * 15000, '"' + "x" * 20000 + '"', "3"])
def test_arguments_that_are_no_object_are_refused(text: str) -> None:
    with pytest.raises(ToolError, match="arguments"):
        arguments_from_json(text)


def test_no_text_is_no_arguments() -> None:
    assert arguments_from_json(" ") == {}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), _json), st.dictionaries(st.text(max_size=5), _json))
def test_any_schema_and_any_arguments_end_in_an_answer(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    try:
        taken = checked_arguments(schema, arguments_from_json(json.dumps(arguments)))
    except ToolError:
        return
    assert set(taken) == set(arguments)
