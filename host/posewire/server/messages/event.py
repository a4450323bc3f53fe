"""``event``: a device reports an event."""

import time

from posewire.server.connection.peer import Peer
from posewire.server.push.events import DeviceEvents
from posewire.wire.messages import Message, get_field


def handle_event(events: DeviceEvents, peer: Peer, message: Message) -> None:
    """Apply the rule that the settings have for events of this name.

    Raises:
        WireError: the event has no name, or its data is not an object.
    """
    events.handle(peer, get_field(message, "name", str), get_field(message, "data", dict, {}), time.monotonic())
