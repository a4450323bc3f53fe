"""Layer 2: one handler for each ``type`` of text message. A new type is a new module here and one line below.

Users add types of their own by a plug-in (``server/plugins.py``): each host has its own copy of this table.
"""

from collections.abc import Mapping

from posewire.server.messages.abort import handle_abort
from posewire.server.messages.error import handle_error
from posewire.server.messages.event import handle_event
from posewire.server.messages.goodbye import handle_goodbye
from posewire.server.messages.hello import handle_hello
from posewire.server.messages.iot import handle_iot
from posewire.server.messages.listen import handle_listen
from posewire.server.messages.mcp import handle_mcp
from posewire.server.messages.message_type import TextType
from posewire.server.messages.ping import handle_ping
from posewire.server.messages.room import handle_room
from posewire.server.messages.server import handle_server
from posewire.server.messages.state import handle_state
from posewire.server.messages.telemetry import handle_telemetry
from posewire.server.messages.update import handle_update
from posewire.wire.messages import parse_hello, parse_listen, parse_room
from posewire.wire.requests import (
    parse_abort,
    parse_device_error,
    parse_iot,
    parse_mcp,
    parse_ping,
    parse_server,
    parse_state,
)

HANDLERS: Mapping[str, TextType] = {
    "hello": TextType(handle_hello, parse_hello, first=True),
    "listen": TextType(handle_listen, parse_listen, scope="voice"),
    "abort": TextType(handle_abort, parse_abort, scope="voice"),
    "mcp": TextType(handle_mcp, parse_mcp, scope="voice"),
    "iot": TextType(handle_iot, parse_iot, scope="voice"),
    "room": TextType(handle_room, parse_room),
    "state": TextType(handle_state, parse_state),
    "server": TextType(handle_server, parse_server),
    "ping": TextType(handle_ping, parse_ping),
    "goodbye": TextType(handle_goodbye),
    "error": TextType(handle_error, parse_device_error),
    "telemetry": TextType(handle_telemetry),
    "update": TextType(handle_update),
    "event": TextType(handle_event, scope="voice"),
}
