"""JSON of others, part by part."""

from typing import Any

import pytest

from posewire.wire.json_shape import as_list, as_object, as_text


@pytest.mark.parametrize("value", [{"a": 1}, ["a"], "a", 1, 1.5, True, None])
def test_a_part_of_another_type_is_an_empty_one(value: Any) -> None:
    assert as_object(value) == (value if type(value) is dict else {})
    assert as_list(value) == (value if type(value) is list else [])
    assert as_text(value) == (value if type(value) is str else "")
