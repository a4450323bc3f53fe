"""One type of text message: how it is read, who may send it, what it does."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from posewire.wire.messages import Message

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler

Handle = Callable[["ConnectionHandler", Any], "Coroutine[Any, Any, None] | None"]
"""Takes what ``parse`` made of the message. A coroutine runs as a task of the connection."""

Parse = Callable[[Message], Any]


@dataclass(frozen=True)
class TextType:
    """``parse`` validates and raises WireError; without it the handler gets the object itself.

    ``scope``: what the sender needs. ``first``: may come before hello.
    """

    handle: Handle
    parse: Parse | None = None
    scope: str = ""
    first: bool = False
