"""JSON objects that can be the value of a state: none of their members is null."""

from hypothesis import strategies as st

VALUES = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.lists(st.integers(0, 3) | st.none(), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)
