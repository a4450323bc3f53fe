"""Sessions that can be resumed: the state of a lost session is kept for a while, and given back to its device."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from posewire.rooms.directory import RoomDirectory
from posewire.server.connection.peer import Peer
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.connection.resumable_state import ResumableState
from posewire.server.state.shared_states import StateDirectory, device_state, room_state


@dataclass
class _Kept:
    state: ResumableState
    timer: asyncio.TimerHandle


class SessionResumption:
    """Keeps the state of lost sessions, restores it, or discards it with the place in a room that belongs to it.

    ``limits`` returns how many it keeps, and how many of one address (0: no limit); the oldest makes room.
    """

    def __init__(
        self,
        registry: ConnectionRegistry,
        rooms: RoomDirectory,
        states: StateDirectory,
        limits: Callable[[], tuple[int, int]] = lambda: (2000, 200),
    ) -> None:
        self._limits = limits
        self._registry = registry
        self._rooms = rooms
        self._states = states
        self._kept: dict[str, _Kept] = {}

    def keep(self, session_id: str, state: ResumableState, seconds: float) -> None:
        """Keep the state of a session for so long, then discard it."""
        timer = asyncio.get_running_loop().call_later(seconds, self._discard, session_id, "timeout")
        self._kept[session_id] = _Kept(state, timer)
        most, of_address = self._limits()
        if state.address and of_address:
            same = [name for name, kept in self._kept.items() if kept.state.address == state.address]
            for name in same[:-of_address]:
                self._discard(name, "timeout")
        while len(self._kept) > most:
            self._discard(next(iter(self._kept)), "timeout")

    def take_over(self, older: Peer, seconds: float) -> None:
        """Keep the state of a session whose connection is still open but of no use to its device any more."""
        state = older.hand_over()
        if state.room is not None and state.member is not None:
            state.room.away(state.member)
        self.keep(older.session_id, state, seconds)

    def restore(self, session_id: str, device_id: str) -> ResumableState | None:
        """Take the state of a session for its device, also from an older connection that is still open.

        None: there is no such session, it is over, or it was another device's.
        """
        kept = self._kept.get(session_id)
        if kept is not None and kept.state.device_id == device_id:
            kept.timer.cancel()
            return self._kept.pop(session_id).state
        older = self._registry.session(session_id)
        if older is None or older.device_id != device_id:
            return None
        return older.hand_over()

    def discard(self, device_id: str) -> None:
        """Discard all that is kept for a device: it has begun a new session."""
        for session_id in [name for name, kept in self._kept.items() if kept.state.device_id == device_id]:
            self._discard(session_id, "replaced")

    @property
    def count(self) -> int:
        """The number of sessions that are kept."""
        return len(self._kept)

    def is_kept(self, device_id: str) -> bool:
        """Tell whether a device may still resume a session."""
        return any(kept.state.device_id == device_id for kept in self._kept.values())

    def kept(self) -> Iterator[tuple[str, ResumableState, float]]:
        """Iterate over what is kept: the session's id, its state, and the seconds that are left."""
        now = asyncio.get_running_loop().time()
        for session_id, kept in self._kept.items():
            yield session_id, kept.state, kept.timer.when() - now

    def _discard(self, session_id: str, reason: str) -> None:
        kept = self._kept.pop(session_id, None)
        if kept is None:
            return
        kept.timer.cancel()
        state = kept.state
        if state.room is not None and state.member is not None:
            self._rooms.leave(state.room, state.member, reason)
            self._states.drop_if_gone(room_state(state.room.name))
        self._states.drop_if_gone(device_state(state.device_id))
