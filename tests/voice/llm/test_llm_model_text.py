"""A model's text: emotions are found, thoughts are dropped."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.voice.conversation import Emotion
from posewire.voice.emotions import EMOJI
from posewire.voice.llm.model_text import ModelText


def told(pieces: Sequence[str]) -> tuple[str, list[str]]:
    text = ModelText()
    found = [out for piece in pieces for out in text.push(piece)] + list(text.flush())
    said = "".join(piece for piece in found if isinstance(piece, str))
    return said, [piece.name for piece in found if isinstance(piece, Emotion)]


@pytest.mark.parametrize(
    ("text", "said", "faces"),
    [
        ("[happy] Hello.", "Hello.", ["happy"]),
        ("[happy] [sad] Hello.", "[sad] Hello.", ["happy"]),
        ("<think>What [sad] now?</think>\n\n[sad] Oh.", "Oh.", ["sad"]),
        ("Oh 😂 well 😔", "Oh 😂 well 😔", ["funny"]),
        ("[1] is a number", "[1] is a number", []),
        ("[happy", "[happy", []),
        ("a < b <think", "a < b <think", []),
        ("<think>never ends", "", []),
        ("", "", []),
    ],
)
def test_faces_are_told_and_thoughts_are_not(text: str, said: str, faces: list[str]) -> None:
    assert told([text]) == (said, faces)


_parts = st.sampled_from(["<think>", "</think>", "[happy]", "[", "]", " ", "a", "😂", "<", "th", "happy", "\n"])


@given(st.lists(_parts, max_size=12).map("".join), st.data())
def test_it_does_not_matter_how_the_text_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert told(pieces) == told([text])


def test_every_face_has_its_own_emoji() -> None:
    assert len(set(EMOJI.values())) == len(EMOJI) == 21
