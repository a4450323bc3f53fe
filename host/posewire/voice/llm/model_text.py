"""A language model's text, without its thoughts, and the emotion in it."""

from collections.abc import Generator, Iterator

from posewire.voice.conversation import Emotion
from posewire.voice.emotions import EMOJI

_NAMES = {emoji: name for name, emoji in EMOJI.items()} | {
    "😶": "neutral",
    "😀": "happy",
    "😊": "happy",
    "😲": "surprised",
}

_THOUGHT, _THOUGHT_END = "<think>", "</think>"
_LONGEST_TAG = max(map(len, EMOJI)) + 2


class ModelText:
    """Separates a model's text, which comes in pieces, from thoughts and from its first emotion.

    Thoughts stand between ``<think>`` and ``</think>``. The emotion is a tag like ``[happy]`` at the beginning, or an
    emoji. The result does not depend on how the text is cut into pieces.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._thinking = False
        self._started = False
        self._emotion_found = False

    def push(self, text: str) -> Iterator[str | Emotion]:
        """Add a piece of text; yield the parts that are certain now."""
        self._rest += text
        yield from self._parse(last=False)

    def flush(self) -> Iterator[str | Emotion]:
        """Yield the rest: the text is complete."""
        yield from self._parse(last=True)

    def _parse(self, last: bool) -> Iterator[str | Emotion]:
        while self._rest:
            if self._thinking:
                thought, end, after = self._rest.partition(_THOUGHT_END)
                if not end:
                    self._rest = "" if last else thought[-len(_THOUGHT_END) :]
                    return
                self._rest, self._thinking = after, False
                continue
            before, begin, after = self._rest.partition(_THOUGHT)
            if begin:
                yield from self._say(before, whole=True)
                self._rest, self._thinking = after, True
                continue
            keep = 0 if last else _partial_mark(_THOUGHT, self._rest)
            text, held = self._rest[: len(self._rest) - keep], self._rest[len(self._rest) - keep :]
            self._rest = ""
            left = yield from self._say(text, whole=last or bool(held))
            self._rest = left + held
            return

    def _say(self, text: str, whole: bool) -> Generator[str | Emotion, None, str]:
        """Yield a text's emotion and the text; return the part not certain yet. ``whole``: no text follows."""
        if not self._started:
            text = text.lstrip()
            # Only the first tag is an emotion; a second one is text.
            tag = text.startswith("[") and not self._emotion_found
            if tag and "]" not in text and len(text) < _LONGEST_TAG and not whole:
                return text
            name = text[1 : text.find("]")].strip().lower() if tag and "]" in text else ""
            if name in EMOJI:
                self._emotion_found = True
                yield Emotion(name)
                text = text[text.find("]") + 1 :].lstrip()
            if not text:
                return ""
            self._started = True
        if not self._emotion_found:
            name = next((_NAMES[char] for char in text if char in _NAMES), "")
            if name:
                self._emotion_found = True
                yield Emotion(name)
        yield text
        return ""


def _partial_mark(mark: str, text: str) -> int:
    """Return how many characters at the end of the text may be the beginning of the mark."""
    return next((size for size in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:size])), 0)
