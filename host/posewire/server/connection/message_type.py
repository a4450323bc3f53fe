"""One type of text message: how it is parsed, the scope that its sender needs, and its handler."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from posewire.server.connection.peer import Peer
from posewire.wire.messages import Message

Handle = Callable[[Peer, Any], Coroutine[Any, Any, None] | None]
"""Handles the result of ``parse``. A coroutine runs as a task of the connection."""

Parse = Callable[[Message], Any]

Refused = Callable[[Peer, Message, str], None]
"""Gives the sender of a message that was refused what it is owed besides the error, and the reason."""


@dataclass(frozen=True)
class TextType:
    """``parse`` validates a message and raises WireError; without it the handler gets the JSON object itself.

    ``scope``: the scope that the sender needs; empty: none. ``first``: whether the message may precede the hello.
    """

    handle: Handle
    parse: Parse | None = None
    scope: str = ""
    first: bool = False
    refused: Refused | None = None
