"""JSON of a peer: strict, finite, and not deep."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.wire.json_text import DEEPEST, parse_json, write_json

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
)


@given(_JSON, st.booleans())
def test_every_value_is_read_as_it_is(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_json(text) == value
    assert parse_json(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    ["", "{", "nonsense", "NaN", "[-Infinity]", "1e999", '"\\ud83d"', "[1,]", b"\xff", "{'a': 1}", "1" * 5000],
)
def test_anything_else_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_json(data)
    except ValueError:
        return


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}")])
def test_depth_has_a_bound(start: str, end: str) -> None:
    def nested(depth: int) -> str:
        return start * depth + "1" + end * depth

    assert parse_json(nested(DEEPEST)) is not None
    for depth in (DEEPEST + 1, 500, 100_000):
        with pytest.raises(ValueError, match="within each other"):
            parse_json(nested(depth))
    # Brackets within a string nest nothing, and many beside each other are not deep.
    assert parse_json(json.dumps("[" * 1000)) == "[" * 1000
    assert len(parse_json(f"[{','.join([nested(5)] * 100)}]")) == 100


def test_what_is_written_can_be_read() -> None:
    value = {"ä": [1, 2.5, None, True, "€"], "deep": {"er": [[]]}}
    assert write_json(value) == '{"ä":[1,2.5,null,true,"€"],"deep":{"er":[[]]}}'
    assert parse_json(write_json(value)) == value
    deep: object = 0
    for _ in range(DEEPEST + 1):
        deep = (deep,)
    endless: list[object] = []
    endless.append(endless)
    for wrong in (object(), b"bytes", float("nan"), float("-inf"), "\ud800", 10**400, deep, endless):
        with pytest.raises(ValueError, match=r"."):
            write_json({"": wrong})
