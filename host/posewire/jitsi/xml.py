"""Stanzas as text: an XML parser that refuses what XMPP does not have, and a writer.

RFC 6120 section 11.1: neither comments, processing instructions, document types nor entities, so nothing expands.
"""

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from posewire.errors import WireError

MAX_STANZA = 128 * 1024
"""Characters of a stanza: a conference's longest, with the media of many members, have tens of thousands."""

_MAX_DEPTH = 32
_MAX_ELEMENTS = 4000


def element(tag: str, attributes: Mapping[str, str] | None = None, *content: Element | str) -> Element:
    """Make an element; ``tag``: ``{namespace}name``, or a name in its parent's namespace. Text stands first."""
    made = Element(tag, dict(attributes or {}))
    for part in content:
        if isinstance(part, str):
            made.text = (made.text or "") + part
        else:
            made.append(part)
    return made


def write_xml(stanza: Element, namespace: str = "") -> str:
    """Return an element as text, its namespaces as defaults: some programs look for names without prefixes."""
    own, name = _split(stanza.tag)
    if own is None:
        own = namespace
    declared = f" xmlns={quoteattr(own)}" if own != namespace else ""
    attributes = "".join(f" {_attribute(key)}={quoteattr(value)}" for key, value in stanza.items())
    inside = escape(stanza.text or "") + "".join(write_xml(child, own) for child in stanza)
    return f"<{name}{declared}{attributes}>{inside}</{name}>" if inside else f"<{name}{declared}{attributes}/>"


def parse_xml(text: str) -> Element:
    """Parse one stanza; tags are ``{namespace}name``. Text after a child is left out.

    Raises:
        WireError: it is too long, too deep, not well formed, or has what no stanza has.
    """
    if len(text) > MAX_STANZA:
        raise WireError(f"a stanza has at most {MAX_STANZA} characters")
    parser = expat.ParserCreate(namespace_separator="}")
    builder = _Builder()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    parser.CommentHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise WireError(f"not well-formed XML: {error}") from None
    assert builder.root is not None
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= _MAX_DEPTH or self._count > _MAX_ELEMENTS:
            raise WireError(f"a stanza is at most {_MAX_DEPTH} deep and has {_MAX_ELEMENTS} elements")
        made = Element(_clark(name), {_clark(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].append(made)
        else:
            self.root = made
        self._open.append(made)

    def end(self, name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        inside = self._open[-1]
        if not len(inside):
            inside.text = (inside.text or "") + data


def _refuse(*_: object) -> Any:
    raise WireError("XMPP has neither comments, processing instructions, document types nor entities")


def _clark(name: str) -> str:
    return f"{{{name}" if "}" in name else name


def _split(tag: str) -> tuple[str | None, str]:
    if tag.startswith("{"):
        namespace, _, name = tag[1:].partition("}")
        return namespace, name
    return None, tag


_XML = "{http://www.w3.org/XML/1998/namespace}"


def _attribute(key: str) -> str:
    return f"xml:{key.removeprefix(_XML)}" if key.startswith(_XML) else key
