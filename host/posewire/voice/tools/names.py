"""Tool names: the names that LLM services allow, mapped to the tools' real names."""

import hashlib
import re
from collections.abc import Iterable, Mapping

MAX_NAME = 64
"""Longest name of a function that OpenAI-compatible services take; the letters are ``[a-zA-Z0-9_-]``."""

_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]+")
_MARK = 6


def plain_name(name: str) -> str:
    """Return a name of at most 64 allowed letters; two names may become one, see ``plain_names``."""
    plain = _FORBIDDEN.sub("_", name)
    # A name that is mostly of other letters would keep nothing that tells it from the next one.
    if not plain.strip("_-") or len(plain) > MAX_NAME:
        return _marked(plain, name)
    return plain


def plain_names(names: Iterable[str]) -> Mapping[str, str]:
    """Return ``{allowed name: real name}``, one to one.

    A name that is allowed already stays as it is; one whose plain form is taken gets six hexadecimal digits of its own
    hash behind it, so that it has the same plain form whatever other tools there are beside the two.
    """
    wanted = list(dict.fromkeys(names))
    known = {name: name for name in wanted if plain_name(name) == name}
    changed = [name for name in wanted if name not in known]
    plains = [plain_name(name) for name in changed]
    for name, plain in zip(changed, plains, strict=True):
        shared = plain in known or plains.count(plain) > 1
        free = _marked(plain, name) if shared else plain
        turn = 0
        while free in known:
            turn += 1
            free = _marked(plain, f"{name}/{turn}")
        known[free] = name
    return known


def _marked(plain: str, name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]
    return f"{plain.strip('_-')[: MAX_NAME - _MARK - 1] or 'tool'}_{digest}"
