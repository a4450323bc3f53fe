"""Layer 2: the table of text message types. A new type is a new module here and one line below.

A handler is a function ``handle(…, peer, value)``: before the peer come the parts of the host that it uses, which its
line takes from ``HostParts``. Users add types of their own with a plug-in (``server/plugins.py``).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from posewire.identity.audit import Audit
from posewire.rooms.directory import RoomDirectory
from posewire.server.connection.message_type import Handle, Parse, Refused, TextType
from posewire.server.control import HostControl
from posewire.server.messages.abort import handle_abort
from posewire.server.messages.error import handle_error
from posewire.server.messages.event import handle_event
from posewire.server.messages.goodbye import handle_goodbye
from posewire.server.messages.hello import handle_hello
from posewire.server.messages.iot import handle_iot
from posewire.server.messages.listen import end_refused_turn, handle_listen
from posewire.server.messages.mcp import handle_mcp
from posewire.server.messages.ping import handle_ping
from posewire.server.messages.room import handle_room
from posewire.server.messages.server import LogIn, handle_server
from posewire.server.messages.state import handle_state
from posewire.server.messages.telemetry import handle_telemetry
from posewire.server.messages.update import handle_update
from posewire.server.messages.webrtc import handle_webrtc
from posewire.server.push.events import DeviceEvents
from posewire.server.state.board_reports import BoardReports
from posewire.server.state.happenings import Happenings
from posewire.server.state.shared_states import StateDirectory
from posewire.server.webrtc.service import WebRtcService
from posewire.update.service import UpdateService
from posewire.wire.messages import parse_hello, parse_listen
from posewire.wire.requests import (
    parse_abort,
    parse_device_error,
    parse_iot,
    parse_mcp,
    parse_ping,
    parse_server,
    parse_state,
    parse_webrtc,
)
from posewire.wire.room_actions import parse_room


@dataclass(frozen=True)
class HostParts:
    """The parts of the host that message handlers use."""

    rooms: RoomDirectory
    states: StateDirectory
    events: DeviceEvents
    reports: BoardReports
    updates: UpdateService
    control: HostControl
    audit: Audit
    log_in: LogIn
    counters: Counter[str]
    happenings: Happenings
    webrtc: WebRtcService


@dataclass(frozen=True)
class Entry:
    """A line of the table: a ``TextType`` whose handler still needs the parts of the host."""

    handler: Callable[[HostParts], Handle]
    parse: Parse | None = None
    scope: str = ""
    first: bool = False
    refused: Refused | None = None


MESSAGES: Mapping[str, Entry] = {
    "hello": Entry(lambda _: handle_hello, parse_hello, first=True),
    "listen": Entry(
        lambda host: partial(handle_listen, host.happenings), parse_listen, scope="voice", refused=end_refused_turn
    ),
    "abort": Entry(lambda _: handle_abort, parse_abort, scope="voice"),
    "mcp": Entry(lambda host: partial(handle_mcp, host.events), parse_mcp, scope="voice"),
    "iot": Entry(lambda host: partial(handle_iot, host.states), parse_iot, scope="voice"),
    "room": Entry(lambda host: partial(handle_room, host.rooms), parse_room),
    "state": Entry(lambda host: partial(handle_state, host.states), parse_state),
    "server": Entry(lambda host: partial(handle_server, host.control, host.audit, host.log_in), parse_server),
    "ping": Entry(lambda _: handle_ping, parse_ping),
    "goodbye": Entry(lambda _: handle_goodbye),
    "error": Entry(lambda _: handle_error, parse_device_error),
    "telemetry": Entry(lambda host: partial(handle_telemetry, host.reports, host.counters)),
    "update": Entry(lambda host: partial(handle_update, host.updates, host.counters)),
    "webrtc": Entry(lambda host: partial(handle_webrtc, host.webrtc), parse_webrtc),
    "event": Entry(lambda host: partial(handle_event, host.events), scope="voice"),
}


def text_types(host: HostParts) -> dict[str, TextType]:
    """Return the types of text messages with the handlers of one host."""
    return {
        name: TextType(entry.handler(host), entry.parse, entry.scope, entry.first, entry.refused)
        for name, entry in MESSAGES.items()
    }
