"""One connection, as all others see it: message handlers, rooms, push, HTTP and plug-ins.

``ConnectionHandler`` implements it. A plug-in may rely on the members of the first section (``docs/plugins.md``); the
others may change.
"""

import asyncio
from collections.abc import Container, Coroutine, Mapping
from typing import Any, Protocol

from posewire.errors import WireError
from posewire.hub.pool import Connection
from posewire.log import EventLog
from posewire.server.authenticator import Identity
from posewire.server.connection.datagram_way import PeerDatagrams
from posewire.server.connection.resumable_state import ResumableState
from posewire.server.connection.tools.device_tools import DeviceToolClient
from posewire.server.connection.voice.device_voice import DeviceVoice
from posewire.voice.tools.handler import UnifiedToolHandler
from posewire.wire.messages import AudioParams, Hello
from posewire.wire.room_actions import RoomAction


def is_lasting(peer: "Peer", known: Container[str]) -> bool:
    """Tell whether a peer will come back under its id: a board of this project, or one of the ``known`` devices."""
    if peer.identity.anonymous or peer.hello is None:
        return False
    return bool(peer.hello.board) or peer.device_id in known


class PeerRoom(Protocol):
    """The room that a peer is in, and its way to join one. A peer is in one room at a time."""

    @property
    def name(self) -> str:
        """The name of the room; empty when the peer is in none."""

    @property
    def version(self) -> int | None:
        """The number of changes of the room so far; None when the peer is in none."""

    def join(self, action: RoomAction) -> None:
        """Join a room, and leave the one before it; a refused peer stays where it is.

        Raises:
            RoomError: the room or the host is full, or the room does not admit this peer.
            WireError: the peer asks for frames that its frame protocol cannot carry.
        """

    def leave(self) -> None:
        """Leave the room; does nothing when there is none."""

    def publish_pose(self, packet: bytes, member_id: int, lossy: bool = False) -> None:
        """Publish a pose packet, or pass a control packet on to the publisher ``member_id`` (not 0).

        ``lossy``: it came on a way on which others may be lost.

        Raises:
            WireError, PoseError, RoomError: there is no room, or the packet cannot be placed.
        """

    def handle(self, action: RoomAction) -> None:
        """Carry out an action of a member: ``subscribe``, ``kick``, ``send``, and so on.

        Raises:
            WireError: ``not_in_room``: the peer is in no room.
            RoomError: the peer does not own the room (``not_owner``), or the action is not possible.
        """


class Peer(Connection, Protocol):
    """One device or program that is connected to this host."""

    # --- for plug-ins

    @property
    def device_id(self) -> str:
        """The id that the device gave, or a made-up one that begins with ``anonymous-``."""

    @property
    def session_id(self) -> str:
        """The id of the session; a device that resumes an earlier session takes that one's id with its hello."""

    @property
    def room_name(self) -> str:
        """The name of the room that the peer is in; empty when it is in none."""

    @property
    def identity(self) -> Identity:
        """The peer's identity; ``identity.principal`` is the owner of its token."""

    @property
    def log(self) -> EventLog:
        """A log whose lines name the device and the session."""

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a JSON message; the session's id is added. Returns at once."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine as a task that ends with the connection; its failure is logged."""

    # --- hello

    @property
    def hello(self) -> Hello | None:
        """The peer's hello; None before it."""

    @property
    def protocol(self) -> int:
        """The frame protocol: 1, 2 or 3."""

    @property
    def audio(self) -> AudioParams:
        """The audio format that the host sends."""

    @property
    def uplink(self) -> AudioParams:
        """The audio format that the peer sends; for all but some boards the same."""

    @property
    def pose(self) -> bool:
        """Whether both sides agreed on pose frames."""

    @property
    def deflate(self) -> bool:
        """Whether both sides agreed on compressed text messages."""

    @property
    def audio_time(self) -> bool:
        """Whether both sides agreed on audio frames with times."""

    @property
    def datagrams(self) -> PeerDatagrams | None:
        """The lossy way beside the connection; None: the two sides have not agreed on one."""

    def greet(self, hello: Hello, audio: AudioParams) -> None:
        """Begin the session with the first hello and the audio format that was negotiated.

        Raises:
            WireError: ``unauthorized``: the device is connected with a token that is valid for it alone.
        """

    def answer_hello(self, resumed: bool = False) -> None:
        """Send the host's hello."""

    # --- the parts of the connection

    @property
    def room(self) -> PeerRoom:
        """The peer's place in a room."""

    @property
    def voice(self) -> DeviceVoice:
        """The peer's voice assistant."""

    @property
    def tools(self) -> DeviceToolClient:
        """The tools of the device itself."""

    @property
    def all_tools(self) -> UnifiedToolHandler:
        """The tools of the device and of the host."""

    @property
    def events(self) -> dict[str, float]:
        """By name of an event: when the device reported it last, on the monotonic clock."""

    # --- for the host

    @property
    def peer(self) -> str:
        """The peer's address and port."""

    @property
    def address(self) -> str:
        """The peer's address, without its port."""

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be sent to this peer."""

    @property
    def round_trip_ms(self) -> float | None:
        """Milliseconds until the peer acknowledges, by the kernel; None where it does not tell."""

    @property
    def held_bytes(self) -> int:
        """Bytes that the host keeps for this peer: unsent messages, frames in a room, dialogue, tools, shared state."""

    def send_audio(self, frame: bytes) -> None:
        """Send one encoded audio frame of the host's voice."""

    def refuse(self, error: WireError, of_frame: bool = False) -> None:
        """Tell the peer that a message, or a frame, was refused; the session goes on."""

    def check_access(self) -> bool:
        """Apply the settings as they are now: the peer gets its scopes, or is disconnected (then False)."""

    def say_goodbye(self, reason: str) -> None:
        """Tell the device that the host goes away, and close."""

    def leave_for_good(self) -> None:
        """Keep nothing for the device's return when the connection closes."""

    def hand_over(self) -> ResumableState:
        """Give the state of the session to a newer connection of the device; this one keeps none of it."""
