"""Text of others, made safe for a line of a log or of a terminal, and for JSON."""

import json
import unicodedata
from typing import Any

_KEPT = "\u200c\u200d"
"""Joiners, which several scripts and many emoji need and which move nothing."""


def printable(text: str, keep: str = "") -> str:
    """Return the text with escape sequences for all characters that could change how the rest is shown.

    These are the characters that move a cursor, end a line, turn the direction of writing, or cannot be encoded.
    ``keep``: control characters that stay, such as a line feed.
    """
    if text.isprintable():
        return text
    return "".join(char if _harmless(char) or char in keep else char.encode("unicode_escape").decode() for char in text)


def printable_json(value: Any, indent: int | None = None) -> str:
    """Return the value as JSON that is safe to show; a parser reads the same value from it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    if text.isprintable():
        return text
    # A line feed is one between values: those within strings are escaped already.
    return "".join(char if _harmless(char) or char == "\n" else json.dumps(char)[1:-1] for char in text)


def _harmless(char: str) -> bool:
    return char.isprintable() or char in _KEPT or unicodedata.category(char) == "Zs"
