"""The rooms of a host, as somebody sees them who need not be in one."""

from typing import Any

from posewire.client.link.host_link import HostLink
from posewire.errors import WireError


async def list_rooms(host: HostLink) -> list[dict[str, Any]]:
    """Return the rooms that this program may join.

    Raises:
        NotConnectedError: the connection is closed.
    """
    found: list[dict[str, Any]] = []
    remove = host.on("room", lambda message: found.extend(message.get("rooms", ())))
    try:
        await host.request({"type": "room", "action": "list"})
    finally:
        remove()
    return found


async def room_info(host: HostLink, room: str) -> dict[str, Any]:
    """Return what the list says of one room.

    Raises:
        WireError: there is no such room (``no_such_room``), or this program may not join it.
    """
    found = [listed for listed in await list_rooms(host) if listed["room"] == room]
    if not found:
        raise WireError(f'there is no room "{room}" that this program may join', "no_such_room")
    return found[0]
