"""The desktop side of a host without asyncio: for scripts, notebooks and game loops.

with posewire.sync.connect("ws://pi.local:8000/posewire/v1/") as host:
    room = host.join("studio")
    pose = room.latest("left-arm")          # at once; None where there is none

The connection lives in a thread of its own. Every method may be called from any thread but that one: handlers, which
are called in it, must not call these methods, and should return soon.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from posewire.client.connection import HostConnection
from posewire.client.endpoints import Endpoint
from posewire.client.link.connection_state import ConnectionState
from posewire.client.member import RoomMember
from posewire.client.mirror import RoomInfo
from posewire.client.pose_streams import ReceivedPose
from posewire.client.room import Room, Wanted
from posewire.client.room_messages import RoomMessage
from posewire.client.sending.audio_sender import AudioSender
from posewire.client.sending.pose_sender import PoseSender
from posewire.client.shared_state import LiveState
from posewire.errors import NotConnectedError

_T = TypeVar("_T")


class _Thread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="posewire connection", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine there and return its result."""
        if not self._thread.is_alive():
            work.close()
            raise NotConnectedError("the connection is closed")
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()
            raise

    def call(self, function: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
        """Call a function there and return its result."""

        async def calling() -> _T:
            return function(*arguments, **options)

        return self.wait(calling())

    def stop(self) -> None:
        """End the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


class SyncConnection:
    """A connection to a host, as a context manager; see ``HostConnection``."""

    def __init__(self, urls: str | Sequence[str | Endpoint], **options: Any) -> None:
        self._urls = urls
        self._options = options
        self._thread: _Thread | None = None
        self._connection: HostConnection | None = None

    def __enter__(self) -> "SyncConnection":
        self._thread = _Thread()
        try:
            self._connection = self._thread.call(HostConnection, self._urls, **self._options)
            self._thread.wait(self._connection.open())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye, and close."""
        if self._thread is not None and self._connection is not None:
            if self._connection.state is not ConnectionState.CLOSED:
                self._thread.wait(self._connection.close())
            self._thread.stop()

    @property
    def connected(self) -> bool:
        """Whether the host is there at this moment."""
        return self._connection is not None and self._connection.connected

    def on(self, event: str, handler: Callable[..., Any]) -> Callable[[], None]:
        """Call a function, in the connection's thread, at each event of this name; returns what stops that."""
        return self._running.call(self._open.on, event, handler)

    def join(self, room: str, **options: Any) -> "SyncRoom":
        """Join a room; the options and errors are those of ``HostConnection.join``."""
        return SyncRoom(self._running, self._running.wait(self._open.join(room, **options)))

    def list_rooms(self) -> list[dict[str, Any]]:
        """Return the rooms that this program may join."""
        return self._running.wait(self._open.list_rooms())

    def room_info(self, room: str) -> dict[str, Any]:
        """Return what ``list_rooms`` says of one room; raises ``WireError`` where there is none."""
        return self._running.wait(self._open.room_info(room))

    def wait_connected(self, timeout_s: float | None = None) -> None:
        """Wait until the host is there; raises ``NotConnectedError``."""
        self._running.wait(self._open.wait_connected(timeout_s))

    def status(self) -> dict[str, Any]:
        """Return the state of the connection."""
        return self._running.call(self._open.status)

    def statistics(self) -> dict[str, Any]:
        """Return what was counted."""
        return self._running.call(self._open.statistics)

    @property
    def _open(self) -> HostConnection:
        if self._connection is None:
            raise NotConnectedError("enter the connection with a with statement")
        return self._connection

    @property
    def _running(self) -> _Thread:
        if self._thread is None:
            raise NotConnectedError("enter the connection with a with statement")
        return self._thread


class SyncRoom:
    """A room; see ``client.room.Room``."""

    def __init__(self, thread: _Thread, room: Room) -> None:
        self._thread = thread
        self._room = room

    @property
    def name(self) -> str:
        """The name of the room."""
        return self._room.name

    @property
    def member_id(self) -> int:
        """This program's member id."""
        return self._room.member_id

    @property
    def closed(self) -> str | None:
        """Why this program is no longer in the room; None while it is."""
        return self._room.closed

    def members(self) -> dict[int, RoomMember]:
        """Return the members by their ids, as they are now."""
        return self._thread.call(self._room.members.copy)

    def latest(self, member: int | str) -> ReceivedPose | None:
        """Return the newest pose of a member, named by id or by device, without waiting; None: there is none."""
        member_id = member if isinstance(member, int) else self._room.member_id_of(member)
        return None if member_id is None else self._room.latest(member_id)

    def poses(self, timeout_s: float | None = None) -> Iterator[ReceivedPose]:
        """Iterate over the poses of the others, until the room is over or none has come for ``timeout_s`` seconds."""
        return self._iterate(self._thread.call(self._room.poses), timeout_s)

    def messages(self, timeout_s: float | None = None) -> Iterator[RoomMessage]:
        """Iterate over the messages of the others, until the room is over or none has come for ``timeout_s``."""
        return self._iterate(self._thread.call(self._room.messages), timeout_s)

    def on(self, event: str, handler: Callable[..., Any]) -> Callable[[], None]:
        """Call a function, in the connection's thread, at each event of this name; returns what stops that."""
        return self._thread.call(self._room.on, event, handler)

    def sender(self, **options: Any) -> "SyncPoseSender":
        """Return a sender of poses; the options are those of ``PoseSender``."""
        return SyncPoseSender(self._thread, self._thread.call(self._room.sender, **options))

    def audio_sender(self, **options: Any) -> "SyncAudioSender":
        """Return a sender of audio."""
        return SyncAudioSender(self._thread, self._thread.call(self._room.audio_sender, **options))

    def send(self, data: Any, to: int | str | None = None) -> int:
        """Send a message and wait for the host's word; see ``Room.send``."""
        return self._thread.wait(self._room.send(data, to))

    def post(self, data: Any, to: int | str | None = None) -> None:
        """Send a message without waiting; see ``Room.post``."""
        self._thread.call(self._room.post, data, to)

    def shared_state(self) -> "SyncState":
        """Return the room's shared state."""
        return SyncState(self._thread, self._thread.wait(self._room.shared_state()))

    def subscribe(self, wanted: Sequence[Wanted]) -> None:
        """Change what this program gets."""
        self._thread.wait(self._room.subscribe(wanted))

    def lock(self, locked: bool = True) -> None:
        """Close the room to newcomers, or open it again; only its owner may."""
        self._thread.wait(self._room.lock(locked))

    def kick(self, member: int | str, reason: str = "") -> None:
        """Remove a member; only the owner may."""
        self._thread.wait(self._room.kick(member, reason))

    def pass_on(self, member: int | str) -> None:
        """Make another member the owner; only the owner may."""
        self._thread.wait(self._room.pass_on(member))

    def info(self) -> RoomInfo:
        """Return all that the host knows of the room and its members."""
        return self._thread.wait(self._room.info())

    def leave(self) -> None:
        """Leave the room."""
        self._thread.wait(self._room.leave())

    def _iterate(self, feed: AsyncIterator[_T], timeout_s: float | None) -> Iterator[_T]:
        async def next_one() -> tuple[_T] | None:
            try:
                async with asyncio.timeout(timeout_s):
                    return (await anext(feed),)
            except (StopAsyncIteration, TimeoutError):
                return None

        while (found := self._thread.wait(next_one())) is not None:
            yield found[0]


class SyncPoseSender:
    """A sender of poses; see ``PoseSender``."""

    def __init__(self, thread: _Thread, sender: PoseSender) -> None:
        self._thread = thread
        self._sender = sender

    def send(self, pose: Any = None, **parts: Any) -> bool:
        """Give the sender a pose; see ``PoseSender.send``."""
        return self._thread.call(self._sender.send, pose, **parts)

    def pause(self) -> None:
        """Send nothing until ``resume``."""
        self._thread.call(self._sender.pause)

    def resume(self) -> None:
        """Send again."""
        self._thread.call(self._sender.resume)

    def statistics(self) -> dict[str, Any]:
        """Return what was counted."""
        return self._thread.call(self._sender.statistics)


class SyncAudioSender:
    """A sender of audio; see ``AudioSender``."""

    def __init__(self, thread: _Thread, sender: AudioSender) -> None:
        self._thread = thread
        self._sender = sender

    def send(self, samples: Any, rate: int | None = None, time_ms: float | None = None) -> int:
        """Give the sender samples; see ``AudioSender.send``."""
        return self._thread.call(self._sender.send, samples, rate, time_ms)

    def flush(self) -> int:
        """Complete the last frame with silence."""
        return self._thread.call(self._sender.flush)

    def statistics(self) -> dict[str, Any]:
        """Return what was counted."""
        return self._thread.call(self._sender.statistics)


class SyncState(Mapping[str, Any]):
    """A shared state; see ``LiveState``."""

    def __init__(self, thread: _Thread, state: LiveState) -> None:
        self._thread = thread
        self._state = state

    def __getitem__(self, name: str) -> Any:
        return self._state[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change members of the state; returns when the host has it."""
        self._thread.wait(self._state.update(changes))


def connect(urls: str | Sequence[str | Endpoint], **options: Any) -> SyncConnection:
    """Return a connection to a host, to be entered with ``with``; the options are those of ``HostConnection``."""
    return SyncConnection(urls, **options)
