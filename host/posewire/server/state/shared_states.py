"""The shared states of a host, by name: ``host`` (numbers), ``device:<id>`` and ``room:<name>``."""

from collections.abc import Callable
from typing import Any

from posewire.errors import WireError
from posewire.hub.dispatcher import MessageDispatcher
from posewire.hub.pool import Group
from posewire.hub.state import SharedState, StateError
from posewire.identity.principal import Principal

HOST = "host"
REFRESH = 1.0
"""Seconds between updates of the host's own numbers, while somebody subscribes to them."""

MAX_STATES = 4096
MAX_SUBSCRIPTIONS = 1024
"""States that one session may follow."""

MAX_TOTAL_BYTES = 64 * 1024 * 1024
"""Bytes of all states and their patches together, as JSON."""

READ = "operator.read"


def device_state(device_id: str) -> str:
    """Return the name of a device's state."""
    return f"device:{device_id}"


def room_state(room: str) -> str:
    """Return the name of a room's state."""
    return f"room:{room}"


class StateDirectory:
    """Makes a state when it is first used; subscribers get every change through the dispatcher."""

    def __init__(
        self,
        dispatcher: MessageDispatcher[Any],
        numbers: Callable[[], dict[str, Any]],
        is_here: Callable[[str], bool],
    ) -> None:
        """``numbers`` returns the host's own state; ``is_here`` tells whether a state's room or device is here."""
        self._states: dict[str, SharedState] = {}
        self._sizes: dict[str, int] = {}
        self.held_bytes = 0
        """Bytes of all states and their patches, as JSON."""
        self._dispatcher = dispatcher
        self._pool = dispatcher.pool
        self._numbers = numbers
        self._is_here = is_here

    def get(self, name: str) -> SharedState:
        """Return the state of that name.

        Raises:
            WireError: ``too_many``.
        """
        state = self._states.get(name)
        if state is None:
            if len(self._states) >= MAX_STATES:
                raise WireError(f"this host holds at most {MAX_STATES} states", "too_many")
            group = Group("state", name)

            def publish(message: dict[str, Any]) -> None:
                self._measure(name)
                self._publish(group, message)

            state = SharedState(name, publish, admit=self._admit)
            self._states[name] = state
            if name == HOST:
                state.set(self._numbers())
            elif self._pool.group(group):
                self._publish(group, state.whole())
        return state

    def of_owner(self, name: str) -> SharedState:
        """Return the state of that name, of a room or device that is here: only then it is dropped one day.

        Raises:
            WireError: ``not_found``; ``too_many``.
        """
        if not self._is_here(name):
            raise WireError(f'there is no "{name}" whose state could be changed', "not_found")
        return self.get(name)

    def read(self, name: str) -> SharedState:
        """Return the state of that name to read. Of a room or device that is not here it is empty and not kept.

        A subscriber of such a name gets the whole state once there is one.

        Raises:
            WireError: ``too_many``.
        """
        return self.get(name) if name in self._states or self._is_here(name) else SharedState(name)

    def value(self, name: str) -> dict[str, Any]:
        """Return the value of a state; empty when nobody has used it."""
        state = self._states.get(name)
        return {} if state is None else state.value

    def drop_if_gone(self, name: str) -> None:
        """Remove a state if its room or device is gone."""
        if not self._is_here(name) and self._states.pop(name, None) is not None:
            self.held_bytes -= self._sizes.pop(name, 0)

    def subscribe(self, session_id: str, name: str) -> None:
        """Send the changes of a state to a session from now on.

        Raises:
            WireError: ``too_many``: the session follows too many states.
        """
        if len(self._pool.groups(session_id)) >= MAX_SUBSCRIPTIONS:
            raise WireError(f"a session follows at most {MAX_SUBSCRIPTIONS} states", "too_many")
        self._pool.join(session_id, Group("state", name))

    def unsubscribe(self, session_id: str, name: str) -> None:
        """Stop sending the changes of a state to a session."""
        self._pool.leave(session_id, Group("state", name))

    def check(self, name: str, who: Principal, device_id: str, room: str, *, write: bool) -> None:
        """Check a peer's right to a state: a device has its own, members have their room's, and publishers write it.

        Raises:
            WireError: ``forbidden``, or ``not_found``: there is no such kind of state.
        """
        kind, _, rest = name.partition(":")
        if kind == HOST and not rest:
            if write:
                raise WireError("the host's own state is read only", "forbidden")
            who.require(READ)
        elif kind == "device" and rest:
            if rest != device_id:
                who.require("operator.write" if write else READ)
        elif kind == "room" and rest:
            if rest != room:
                who.require("operator.write" if write else READ)
            elif write:
                who.require(f"room.publish:{room}")
        else:
            raise WireError('the name of a state must be "host", "device:<id>" or "room:<name>"', "not_found")

    def refresh(self) -> None:
        """Update the host's numbers, where somebody subscribes to them."""
        if self._pool.group(Group("state", HOST)):
            self.get(HOST).set(self._numbers())

    def held_bytes_of(self, name: str) -> int:
        """Return the bytes of a state and its patches, as JSON; 0 if it was never used."""
        state = self._states.get(name)
        return state.held_bytes if state is not None else 0

    def _admit(self, growth: int) -> None:
        if self.held_bytes + growth > MAX_TOTAL_BYTES:
            raise StateError(f"all states of this host must have at most {MAX_TOTAL_BYTES} bytes")

    def _measure(self, name: str) -> None:
        now = self.held_bytes_of(name)
        self.held_bytes += now - self._sizes.get(name, 0)
        self._sizes[name] = now

    def _publish(self, group: Group, message: dict[str, Any]) -> None:
        self._dispatcher.to_group(group, message)
