"""Layer 2: one handler for each ``type`` of text message. A new type is a new module here and one line below."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from posewire.server.text_handlers.abort import handle_abort
from posewire.server.text_handlers.error import handle_error
from posewire.server.text_handlers.event import handle_event
from posewire.server.text_handlers.goodbye import handle_goodbye
from posewire.server.text_handlers.hello import handle_hello
from posewire.server.text_handlers.iot import handle_iot
from posewire.server.text_handlers.listen import handle_listen
from posewire.server.text_handlers.mcp import handle_mcp
from posewire.server.text_handlers.ping import handle_ping
from posewire.server.text_handlers.room import handle_room
from posewire.server.text_handlers.telemetry import handle_telemetry
from posewire.server.text_handlers.update import handle_update
from posewire.wire.messages import Message

if TYPE_CHECKING:
    from posewire.server.connection import ConnectionHandler

TextHandler = Callable[["ConnectionHandler", Message], None]

HANDLERS: Mapping[str, TextHandler] = {
    "hello": handle_hello,
    "listen": handle_listen,
    "abort": handle_abort,
    "mcp": handle_mcp,
    "iot": handle_iot,
    "room": handle_room,
    "ping": handle_ping,
    "event": handle_event,
    "goodbye": handle_goodbye,
    "error": handle_error,
    "telemetry": handle_telemetry,
    "update": handle_update,
}
