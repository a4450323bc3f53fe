"""Sentences that can be spoken, cut out of a text that is still being written."""

import re

_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？；]+[”’」』）]*(?=[^。！？；”’」』）])|\n+")
"""A full stop ends a sentence when a space follows (not in 3.5), Chinese punctuation and a new line always do."""

_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:mr|mrs|ms|dr|prof|st|no|vs|approx|e\.g|i\.e|etc|[a-z]|\d{1,2})\.$", re.IGNORECASE
)
"""Words after which a full stop does not end a sentence; a number at the start of a line is a list's."""

_MARKUP = re.compile(r"[*_`#~|<>]+|^\s*[-•]\s+", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)|https?://\S+")
_PICTURES = re.compile(
    "[\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d\U000e0020-\U000e007f]+"
)
_LONGEST = 240
_BREAKS = (", ", "; ", ": ", "，", " ")


class SentenceSplitter:
    """Makes whole sentences from text in pieces of any size, without markup and pictures, as they are spoken.

    The sentences do not depend on how the text is cut into pieces. A sentence of more than 240 characters is cut at a
    comma or a space.
    """

    def __init__(self) -> None:
        self._rest = ""

    def push(self, text: str) -> list[str]:
        """Add a piece; return the sentences that are complete now."""
        self._rest += text
        sentences = []
        while (end := self._end()) > 0:
            sentences.append(self._rest[:end])
            self._rest = self._rest[end:]
        return [spoken for sentence in sentences if (spoken := as_spoken(sentence))]

    def flush(self) -> list[str]:
        """Return the rest as sentences: the text is complete."""
        sentences = self.push("\n")
        self._rest = ""
        return sentences

    def _end(self) -> int:
        """Return the end of the first sentence; 0: it is not complete."""
        for match in _END.finditer(self._rest):
            end = match.end()
            if end > _LONGEST:
                break
            if match[0] == "." and _ABBREVIATION.search(self._rest[:end]):
                continue
            return end
        if len(self._rest) <= _LONGEST:
            return 0
        places = (self._rest.rfind(mark, 0, _LONGEST) + len(mark) for mark in _BREAKS if mark in self._rest[:_LONGEST])
        return next(places, _LONGEST)


def split_sentences(text: str) -> list[str]:
    """Cut a whole text into sentences."""
    return (splitter := SentenceSplitter()).push(text) + splitter.flush()


def as_spoken(text: str) -> str:
    """Return a text without the parts that are not spoken; empty when no letter or digit is left."""
    text = _LINK.sub(lambda match: match[1] or "", text)
    text = " ".join(_PICTURES.sub(" ", _MARKUP.sub(" ", text)).split())
    text = re.sub(r" (?=[.,!?;:])", "", text)
    return text if any(letter.isalnum() for letter in text) else ""
