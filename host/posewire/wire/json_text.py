"""JSON of peers and for peers: strictly RFC 8259, and not deeper than it needs to be."""

import json
import math
from itertools import chain
from typing import Any

DEEPEST = 64
"""Arrays and objects within each other. Code that goes through a value recursively can rely on it."""


def parse_json(text: str | bytes) -> Any:
    """Return the value that a JSON text (UTF-8, where it is bytes) stands for.

    Raises:
        ValueError: not JSON, a number that is not finite or beyond the range of a double, half a character (a lone
            surrogate), or too deep.
    """
    if isinstance(text, bytes):
        text = text.decode()
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if text.count("[") + text.count("{") > DEEPEST and _is_too_deep(value):
        raise ValueError(_TOO_DEEP)
    if "\\u" in text:
        # An escape may name half a character: it could not be sent on to anybody.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def write_json(value: Any) -> str:
    """Return the JSON text of a value, in the compact form that small devices like to parse.

    Raises:
        ValueError: a part of it is not JSON, or ``parse_json`` would not take it.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except TypeError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    text.encode()  # half a character
    parse_json(text)
    return text


_TOO_DEEP = f"more than {DEEPEST} arrays and objects within each other"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


def _whole(text: str) -> int:
    # Whoever calculates with it makes a float of it sooner or later.
    if len(text) > _SURELY_FINITE:
        _finite(text)
    return int(text)


_SURELY_FINITE = 300


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for inner in level if isinstance(inner, dict | list)]
        if not level:
            return False
        level = list(chain.from_iterable(inner.values() if isinstance(inner, dict) else inner for inner in level))
    return True
