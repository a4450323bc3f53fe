"""Faces: the names that devices in the field know, their emojis, and how a model's text tells them."""

from collections.abc import Generator, Iterator, Mapping

from posewire.voice.conversation import Emotion

EMOJI: Mapping[str, str] = {
    "neutral": "😐",
    "happy": "🙂",
    "laughing": "😆",
    "funny": "😂",
    "sad": "😔",
    "angry": "😠",
    "crying": "😭",
    "loving": "😍",
    "embarrassed": "😳",
    "surprised": "😯",
    "shocked": "😱",
    "thinking": "🤔",
    "winking": "😉",
    "cool": "😎",
    "relaxed": "😌",
    "delicious": "🤤",
    "kissy": "😘",
    "confident": "😏",
    "sleepy": "😴",
    "silly": "😜",
    "confused": "🙄",
}
_NAMES = {emoji: name for name, emoji in EMOJI.items()} | {
    "😶": "neutral",
    "😀": "happy",
    "😊": "happy",
    "😲": "surprised",
}

_THOUGHT, _THOUGHT_END = "<think>", "</think>"
_LONGEST_TAG = max(map(len, EMOJI)) + 2


class ModelText:
    """A model's text in pieces, without its thoughts; the first face it tells: ``[happy]`` at the start, or an emoji.

    Thoughts are what some models write between ``<think>`` and ``</think>``. What it gives does not depend on how the
    text is cut into pieces.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._thinks = False
        self._begun = False
        self._face = False

    def push(self, text: str) -> Iterator[str | Emotion]:
        """Take a piece; yield what is certain now."""
        self._rest += text
        yield from self._take(last=False)

    def flush(self) -> Iterator[str | Emotion]:
        """Yield what is left at the end."""
        yield from self._take(last=True)

    def _take(self, last: bool) -> Iterator[str | Emotion]:
        while self._rest:
            if self._thinks:
                thought, end, after = self._rest.partition(_THOUGHT_END)
                if not end:
                    self._rest = "" if last else thought[-len(_THOUGHT_END) :]
                    return
                self._rest, self._thinks = after, False
                continue
            before, begin, after = self._rest.partition(_THOUGHT)
            if begin:
                yield from self._say(before, whole=True)
                self._rest, self._thinks = after, True
                continue
            keep = 0 if last else _begun_of(_THOUGHT, self._rest)
            text, held = self._rest[: len(self._rest) - keep], self._rest[len(self._rest) - keep :]
            self._rest = ""
            left = yield from self._say(text, whole=last or bool(held))
            self._rest = left + held
            return

    def _say(self, text: str, whole: bool) -> Generator[str | Emotion, None, str]:
        """Yield a text's face and the text; returns what cannot be told yet. ``whole``: nothing more belongs to it."""
        if not self._begun:
            text = text.lstrip()
            # Only the first tag is a face; a second one is text.
            tag = text.startswith("[") and not self._face
            if tag and "]" not in text and len(text) < _LONGEST_TAG and not whole:
                return text
            name = text[1 : text.find("]")].strip().lower() if tag and "]" in text else ""
            if name in EMOJI:
                self._face = True
                yield Emotion(name)
                text = text[text.find("]") + 1 :].lstrip()
            if not text:
                return ""
            self._begun = True
        if not self._face:
            name = next((_NAMES[char] for char in text if char in _NAMES), "")
            if name:
                self._face = True
                yield Emotion(name)
        yield text
        return ""


def _begun_of(mark: str, text: str) -> int:
    """Return how many characters at the end of the text may be the beginning of the mark."""
    return next((size for size in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:size])), 0)
