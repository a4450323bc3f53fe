"""Answers that are built once for all who take one that is some moments old, as open pages do that ask again and again.

Whoever says nothing gets an answer of this moment: a program that has changed something sees its change.
"""

import re
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_KEPT = 32
"""Answers that are kept: a room's path is what somebody has called it, and rooms come and go."""

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,5})(?=$|[\s,])", re.IGNORECASE)


class SharedAnswers:
    """The newest answers, by their paths; part of the HTTP side."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[float, bytes]] = {}

    def answer(self, path: str, headers: Mapping[str, str], build: Callable[[], Any]) -> Response:
        """Return an answer that is as new as the request wants (``Cache-Control: max-age``, RFC 9111 section 5.2.1.1).

        ``build`` makes the JSON value of this moment. Call this only for what everybody gets alike who may ask.
        """
        now = monotonic()
        made, body = self._newest.get(path, (0.0, b""))
        if not body or now - made >= _oldest(headers.get("cache-control", "")):
            made, body = now, bytes(JSONResponse(build()).body)
            self._newest.pop(path, None)
            self._newest[path] = made, body
            if len(self._newest) > _KEPT:
                del self._newest[next(iter(self._newest))]
        return Response(body, headers={"Age": str(int(now - made))}, media_type="application/json")


def shared_answer(request: Request, build: Callable[[], Any]) -> Response:
    """Return the answer to a request whose sender may have it, as ``SharedAnswers.answer``."""
    answers: SharedAnswers = request.app.state.shared_answers
    return answers.answer(request.url.path, request.headers, build)


def _oldest(cache_control: str) -> float:
    """Return how many seconds old an answer may be; 0: it must be of this moment."""
    found = _MAX_AGE.search(cache_control)
    return float(found[1]) if found else 0.0
