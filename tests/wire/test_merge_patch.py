"""JSON merge patches: RFC 7396's own cases, and the way from any object to any other."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.wire.merge_patch import apply_patch, make_patch
from support.json_objects import OBJECTS

# RFC 7396 appendix A, without the cases whose target is no object.
RFC = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC)
def test_the_patches_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert apply_patch(target, patch) == result


@given(OBJECTS, OBJECTS)
def test_a_patch_leads_from_one_object_to_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = repr(old)
    patch = make_patch(old, new)
    assert apply_patch(old, patch) == new
    assert repr(old) == before
    assert make_patch(new, new) == {}


@given(OBJECTS, OBJECTS, OBJECTS)
def test_patches_one_after_the_other_lead_to_the_last_object(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    patches = make_patch(first, second), make_patch(second, third)
    assert apply_patch(apply_patch(first, patches[0]), patches[1]) == third


@given(OBJECTS, st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2))
def test_what_is_no_object_replaces_the_whole(target: dict[str, Any], patch: Any) -> None:
    assert apply_patch(target, patch) == patch


@pytest.mark.parametrize(("old", "new"), [(1, True), (0, False), (1, 1.0)])
def test_values_that_compare_equal_and_are_not_the_same_are_patched(old: Any, new: Any) -> None:
    assert make_patch({"x": old}, {"x": new}) == {"x": new}
