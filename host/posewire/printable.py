"""Text of a peer, made safe for one line of a log or of a terminal."""


def printable(text: str) -> str:
    """Return the text with escape sequences for all characters that move a cursor, end a line or cannot be encoded."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
