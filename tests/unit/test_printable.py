"""Text of others: harmless on a terminal and in JSON, and still readable."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.printable import printable, printable_json

HARMFUL = {
    "a screen that is cleared": "\x1b[2J",
    "the same with one character of C1": "\x9b2J",
    "a line separator": "\u2028",
    "a direction that is turned": "\u202egnp.exe",
    "a direction that is isolated": "\u2066x\u2069",
    "an invisible tag": "\U000e0041",
    "half a character": "\ud800",
    "a beginning of the line": "\rforged",
}


@pytest.mark.parametrize("text", HARMFUL.values(), ids=HARMFUL.keys())
def test_what_changes_the_rest_of_the_output_is_escaped(text: str) -> None:
    for shown in (printable(text), printable_json({"name": text})):
        assert shown.isprintable()
        shown.encode()
    assert json.loads(printable_json([text])) == [text]


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("Ä, 你好\u3000世界, 10\u00a0km", "می\u200cخواهم", "👩\u200d🔬", "line"):
        assert printable(text) == text
        assert text in printable_json(text)


@given(st.text() | st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=0x2070)))
def test_no_text_reaches_a_terminal_with_controls(text: str) -> None:
    for shown in (printable(text), printable_json({text: [text]})):
        kinds = {unicodedata.category(char) for char in shown.replace("\u200c", "").replace("\u200d", "")}
        assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert json.loads(printable_json({text: [text]}, indent=1)) == {text: [text]}
