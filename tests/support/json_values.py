"""JSON as nobody should send it: any value anywhere, with the names that a parser looks for."""

import json
from typing import Any

from hypothesis import strategies as st

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**305, -1, 0, 1, 2**31, 2**63])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
)


def json_values(*names: str, words: tuple[str, ...] = ()) -> st.SearchStrategy[Any]:
    """Return any JSON value; its objects often have members called ``names``, its texts are often ``words``."""
    leaves = _LEAVES | st.sampled_from(words) if words else _LEAVES
    keys = st.sampled_from(names) | st.text(max_size=5) if names else st.text(max_size=5)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
        max_leaves=20,
    )


def json_objects(*names: str, words: tuple[str, ...] = ()) -> st.SearchStrategy[dict[str, Any]]:
    """Return an object whose members, often those called ``names``, are any JSON values."""
    keys = st.sampled_from(names) | st.text(max_size=5)
    return st.dictionaries(keys, json_values(*names, words=words), max_size=8)


def deep(levels: int, name: str = "") -> str:
    """Return JSON of lists, or of objects with one member, so many within each other."""
    start, end = (f"{{{json.dumps(name)}:", "}") if name else ("[", "]")
    return start * levels + "1" + end * levels
