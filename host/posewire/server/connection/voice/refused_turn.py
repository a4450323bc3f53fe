"""The end of a turn that was refused: a stock device that is told of an error alone listens for ever."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

REST = 3.0
"""Seconds that the reply to a refused turn lasts: a stock device that listens in turns asks again after each reply."""


class RefusedTurn:
    """Says why there is no answer, as a reply without sound. One at a time for a device."""

    __slots__ = ("_resting",)

    def __init__(self) -> None:
        self._resting = False

    async def end(self, send: Callable[[Mapping[str, Any]], None], why: str) -> None:
        """Begin the reply, say why, and end it."""
        if self._resting:
            return
        self._resting = True
        try:
            send({"type": "tts", "state": "start"})
            send({"type": "tts", "state": "sentence_start", "text": why})
            await asyncio.sleep(REST)
            send({"type": "tts", "state": "stop"})
        finally:
            self._resting = False
