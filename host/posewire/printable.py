"""What somebody else wrote, made fit for one line of a log or of a terminal."""


def printable(text: str) -> str:
    """Return the text with everything that moves a cursor, ends a line or cannot be encoded as an escape sequence."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
