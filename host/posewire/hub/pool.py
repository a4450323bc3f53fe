"""The connections, by id, by device and by group."""

from collections.abc import Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar


class Connection(Protocol):
    """The members of a connection that the hub uses. None of them waits."""

    @property
    def congested(self) -> bool:
        """Whether too much is waiting to be sent."""

    @property
    def last_received(self) -> float:
        """The time of the peer's last sign of life, on ``time.monotonic``'s clock."""

    @property
    def messages(self) -> int:
        """The number of messages from the peer, signs of life not counted."""

    @property
    def delivered(self) -> int:
        """The bytes or messages that the peer has received of what it was sent; pings are not counted."""

    def send_text(self, text: str) -> None:
        """Send a text message."""

    def send_binary(self, data: bytes) -> None:
        """Send a binary message."""

    def ping(self) -> None:
        """Make the peer send a sign of life."""

    def close(self, code: int, reason: str) -> None:
        """End the connection, with a reason for the peer."""


class Group(NamedTuple):
    """A group of connections: ``Group("room", "studio")``, ``Group("instance", "node-2")``."""

    kind: str
    name: str


C = TypeVar("C", bound=Connection)


class _Entry(Generic[C]):
    __slots__ = ("connection", "device", "groups")

    def __init__(self, connection: C, device: str) -> None:
        self.connection = connection
        self.device = device
        self.groups: tuple[Group, ...] = ()


class ConnectionPool(Generic[C]):
    """Connections under ids of the caller's choice. A device has one connection; the newest counts."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry[C]] = {}
        self._devices: dict[str, str] = {}
        self._groups: dict[Group, dict[str, C]] = {}

    def add(self, connection_id: str, connection: C, device: str = "") -> C | None:
        """Add a connection; return the one that it replaces: of the same device, or of the same id."""
        older = self._entries.get(connection_id) or self._entries.get(self._devices.get(device, ""))
        replaced = older.connection if older is not None else None
        if connection_id in self._entries:
            self.remove(connection_id)
        self._entries[connection_id] = _Entry(connection, device)
        if device:
            self._devices[device] = connection_id
        return replaced if replaced is not connection else None

    def remove(self, connection_id: str, connection: C | None = None) -> bool:
        """Remove a connection and its groups; with ``connection``, only if the id still belongs to it."""
        entry = self._entries.get(connection_id)
        if entry is None or (connection is not None and entry.connection is not connection):
            return False
        for group in entry.groups:
            self._drop(group, connection_id)
        del self._entries[connection_id]
        if self._devices.get(entry.device) == connection_id:
            del self._devices[entry.device]
        return True

    def join(self, connection_id: str, group: Group) -> None:
        """Put a connection into a group; the group exists as long as somebody is in it.

        Raises:
            KeyError: there is no such connection.
        """
        entry = self._entries[connection_id]
        if group not in entry.groups:
            entry.groups = (*entry.groups, group)
            self._groups.setdefault(group, {})[connection_id] = entry.connection

    def leave(self, connection_id: str, group: Group) -> None:
        """Take a connection out of a group; nothing happens if it is not in it."""
        entry = self._entries.get(connection_id)
        if entry is not None and group in entry.groups:
            entry.groups = tuple(other for other in entry.groups if other != group)
            self._drop(group, connection_id)

    def get(self, connection_id: str) -> C | None:
        """Return a connection by its id."""
        entry = self._entries.get(connection_id)
        return entry.connection if entry is not None else None

    def device(self, device: str) -> C | None:
        """Return the connection of a device."""
        return self.get(self._devices.get(device, ""))

    def device_of(self, connection_id: str) -> str:
        """Return the device behind an id; empty when there is none."""
        entry = self._entries.get(connection_id)
        return entry.device if entry is not None else ""

    def group(self, group: Group) -> list[tuple[str, C]]:
        """Return ids and connections of a group, longest-standing first."""
        return list(self._groups.get(group, {}).items())

    def groups(self, connection_id: str | None = None) -> list[Group]:
        """Return the groups of one connection, or all groups."""
        if connection_id is None:
            return list(self._groups)
        entry = self._entries.get(connection_id)
        return list(entry.groups) if entry is not None else []

    def items(self) -> list[tuple[str, C]]:
        """Return all ids and connections."""
        return [(connection_id, entry.connection) for connection_id, entry in self._entries.items()]

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[C]:
        return iter([entry.connection for entry in self._entries.values()])

    def _drop(self, group: Group, connection_id: str) -> None:
        members = self._groups[group]
        del members[connection_id]
        if not members:
            del self._groups[group]
