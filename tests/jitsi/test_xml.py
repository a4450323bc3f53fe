"""Stanzas as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import WireError
from posewire.jitsi.xml import MAX_STANZA, element, parse_xml, write_xml

_TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs",), exclude_characters="\ufffe\uffff"))


@given(_TEXT, _TEXT)
def test_what_is_written_is_read_again(text: str, value: str) -> None:
    made = element("{a}one", {"key": value}, element("{b}two", None, text), element("{a}three"))
    read = parse_xml(write_xml(made))
    assert (read.tag, read.get("key")) == ("{a}one", value)
    assert [(child.tag, child.text or "") for child in read] == [("{b}two", text), ("{a}three", "")]


def test_names_have_no_prefixes() -> None:
    made = element("{jabber:client}message", {"to": "a<b"}, element("{x}y", None, "&"), element("body", None, "hi"))
    assert write_xml(made) == (
        '<message xmlns="jabber:client" to="a&lt;b"><y xmlns="x">&amp;</y><body>hi</body></message>'
    )


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">]><a>&x;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        "<a><?php echo ?></a>",
        "<a><!-- nothing --></a>",
        "<a>&undefined;</a>",
        "<a",
        "<a></b>",
        "",
        "<a>" * 40 + "</a>" * 40,
        "<a>" + "<b/>" * 5000 + "</a>",
        f"<a>{'x' * MAX_STANZA}</a>",
    ],
)
def test_what_no_stanza_has_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        parse_xml(text)
