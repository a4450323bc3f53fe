"""A room and its shared state, for programs without asyncio."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from posewire.client.room.frames import Arrival
from posewire.client.room.member import RoomMember
from posewire.client.room.membership import Wanted
from posewire.client.room.messages import RoomMessage
from posewire.client.room.mirror import RoomInfo
from posewire.client.room.pose_streams import ReceivedPose, StreamCount
from posewire.client.room.room import Room
from posewire.client.room.shared_state import LiveState
from posewire.sync.senders import SyncAudioSender, SyncMediaSender, SyncPoseSender
from posewire.sync.thread import LoopThread


class SyncRoom:
    """A room; see ``client.room.Room``."""

    def __init__(self, thread: LoopThread, room: Room) -> None:
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

    @property
    def role(self) -> str:
        """This program's role: ``owner``, ``member`` or ``watcher``."""
        return self._room.role

    @property
    def locked(self) -> bool:
        """Whether the room takes no newcomers."""
        return self._room.locked

    def members(self) -> dict[int, RoomMember]:
        """Return the members by their ids, as they are now."""
        return self._thread.call(self._room.members.copy)

    def latest(self, member: int | str) -> ReceivedPose | None:
        """Return the newest pose of a member, named by id or by device, without waiting; None: there is none."""
        member_id = member if isinstance(member, int) else self._room.member_id_of(member)
        return None if member_id is None else self._room.latest(member_id)

    def poses(self, timeout_s: float | None = None) -> Iterator[ReceivedPose]:
        """Iterate over the poses of the others, until the room is over or none has come for ``timeout_s`` seconds."""
        return self._thread.iterate(self._room.poses, timeout_s)

    def messages(self, timeout_s: float | None = None) -> Iterator[RoomMessage]:
        """Iterate over the messages of the others, until the room is over or none has come for ``timeout_s``."""
        return self._thread.iterate(self._room.messages, timeout_s)

    def arrivals(self, timeout_s: float | None = None) -> Iterator[Arrival]:
        """Iterate over frames, undecoded, and events of the room, as ``poses`` does."""
        return self._thread.iterate(self._room.arrivals, timeout_s)

    def counts(self) -> dict[tuple[int, int], StreamCount]:
        """Return what was received of each pose stream, by member id and stream number."""
        return self._thread.call(self._room.counts)

    def audio_lag_ms(self, member: int | str) -> float | None:
        """Return how much later a member's sound arrives than its poses, in ms; see ``Room.audio_lag_ms``."""
        return self._thread.call(self._room.audio_lag_ms, member)

    def idle_s(self, member: int | str) -> float | None:
        """Return the seconds since something last came from a member; None: nothing has come yet."""
        return self._thread.call(self._room.idle_s, member)

    def limit_bytes(self, member: int | str, packet_bytes: int, stream: int = 0) -> None:
        """Ask a publisher to keep its packets at or below this size; see ``Room.limit_bytes``."""
        self._thread.call(self._room.limit_bytes, member, packet_bytes, stream)

    def on(self, event: str, handler: Callable[..., Any]) -> Callable[[], None]:
        """Call a function, in the connection's thread, at each event of this name; returns what stops that."""
        return self._thread.call(self._room.on, event, handler)

    def sender(self, **options: Any) -> "SyncPoseSender":
        """Return a sender of poses; the options are those of ``PoseSender``."""
        return SyncPoseSender(self._thread, self._thread.call(self._room.sender, **options))

    def audio_sender(self, **options: Any) -> "SyncAudioSender":
        """Return a sender of audio."""
        return SyncAudioSender(self._thread, self._thread.call(self._room.audio_sender, **options))

    def media_sender(self, **options: Any) -> "SyncMediaSender":
        """Return a sender of poses and the sound that belongs to them; the options are those of ``PoseSender``."""
        return SyncMediaSender(self._thread, self._thread.call(self._room.media_sender, **options))

    def publish(self, packet: bytes) -> bool:
        """Send a pose packet of an encoder of this program's own; see ``Room.publish``."""
        return self._thread.wait(self._room.publish(packet))

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

    def ask_replay(self, member_id: int, frames: int = 100) -> None:
        """Ask for a member's last frames; they come as ``replay`` events."""
        self._thread.wait(self._room.ask_replay(member_id, frames))

    def leave(self) -> None:
        """Leave the room."""
        self._thread.wait(self._room.leave())


class SyncState(Mapping[str, Any]):
    """A shared state; see ``LiveState``."""

    def __init__(self, thread: LoopThread, state: LiveState) -> None:
        self._thread = thread
        self._state = state

    def __getitem__(self, name: str) -> Any:
        return self._state[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)

    def on_change(self, handler: Callable[[Mapping[str, Any]], None] | None) -> None:
        """Call a function, in the connection's thread, with each change; see ``LiveState``."""
        self._state.on_change = handler

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change members of the state; returns when the host has it."""
        self._thread.wait(self._state.update(changes))
