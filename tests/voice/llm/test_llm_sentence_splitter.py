"""Sentences cut out of text that is still being written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.voice.llm.sentence_splitter import SentenceSplitter, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It is 3.5 meters. Okay?  Yes!", ["It is 3.5 meters.", "Okay?", "Yes!"]),
        ("Dr. Who, e.g. him. Mr. X is away.", ["Dr. Who, e.g. him.", "Mr. X is away."]),
        ("He said “no.” Then he left", ["He said “no.”", "Then he left"]),
        ("今天很好。你呢？好", ["今天很好。", "你呢？", "好"]),
        ("**Bold** and `code`\n- one\n- two 😀 ", ["Bold and code", "one", "two"]),
        ("1. First thing.\n2. Second thing.", ["1. First thing.", "2. Second thing."]),
        ("See [the page](https://example.org/a.b?c) or https://example.org/x.y now.", ["See the page or now."]),
        ("Wait... what?!", ["Wait...", "what?!"]),
        ("😀 … 😀", []),
        ("", []),
    ],
)
def test_a_text_is_cut_where_a_person_would_breathe(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_a_sentence_is_given_as_soon_as_it_is_whole() -> None:
    cutter = SentenceSplitter()
    assert cutter.push("Hello") == []
    assert cutter.push(" there. I") == ["Hello there."]
    assert cutter.flush() == ["I"]


TEXT = st.text(alphabet='ab1 .,!?。！”\n"-*', max_size=600)


@given(TEXT, st.lists(st.integers(1, 40), max_size=60))
def test_how_the_text_comes_in_does_not_matter(text: str, sizes: list[int]) -> None:
    cutter, sentences, rest = SentenceSplitter(), [], text
    for size in sizes:
        sentences += cutter.push(rest[:size])
        rest = rest[size:]
    assert sentences + cutter.push(rest) + cutter.flush() == split_sentences(text)


@given(TEXT)
def test_no_word_is_lost_and_no_sentence_is_endless(text: str) -> None:
    letters = [letter for letter in text if letter.isalnum()]
    sentences = split_sentences(text)
    assert [letter for letter in "".join(sentences) if letter.isalnum()] == letters
    assert max(map(len, sentences), default=0) <= 240
