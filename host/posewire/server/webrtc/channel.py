"""One data channel: aiortc's connection to a peer, as a ``DatagramWay``."""

import asyncio
from collections.abc import Callable
from time import monotonic

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from posewire.errors import WireError
from posewire.server.webrtc.description import read_offer
from posewire.task_scope import TaskScope

LABEL, CHANNEL = "poses", 0
"""The name and the number of the data channel; both sides know them, so that no message has to say so."""

_OPENING = 10.0
_SILENCE = 0.7
"""Seconds without a word after which nothing is sent any more: a peer sends a probe each tenth of a second."""

_MAX_WAITING = 16 * 1024
_LONGEST = 16 * 1024
"""Bytes of one message that comes: a pose has hundreds."""


class DataChannel:
    """The host's side of a data channel. ``receive`` gets each message, ``ended`` the notice that it is over.

    What waits for the network is bounded: poses beyond 16 KiB are dropped, for newer ones come.
    """

    def __init__(self, receive: Callable[[bytes], None], ended: Callable[[], None], tasks: TaskScope) -> None:
        self._receive = receive
        self._ended: Callable[[], None] | None = ended
        self._tasks = tasks
        self._heard = float("-inf")
        # No STUN servers: the peer has reached this host by its WebSocket, so it knows where it is.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._channel = self._connection.createDataChannel(
            LABEL, negotiated=True, id=CHANNEL, ordered=False, maxRetransmits=0
        )
        self._channel.on("message", self._on_message)
        self._channel.on("close", self.end)
        self._connection.on("connectionstatechange", self._state_changed)
        # The one channel is there from the start: a peer that opens others wants memory.
        self._connection.on("datachannel", lambda channel: self.end())

    async def answer(self, offer: str) -> str:
        """Return the answer to a peer's offer; the channel opens when the peer has it.

        Raises:
            WireError: the offer is not one of a data channel, or aiortc does not understand it.
        """
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(read_offer(offer), "offer"))
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except WireError:
            raise
        except Exception as error:
            # aiortc's parser raises anything, assertions too, at what a peer has made up.
            raise WireError(f"the offer cannot be used: {error!r}"[:200]) from None
        asyncio.get_running_loop().call_later(_OPENING, self._give_up)
        return self._connection.localDescription.sdp

    @property
    def works(self) -> bool:
        """Whether it is open, and the peer has been heard on it just now."""
        return self._channel.readyState == "open" and monotonic() - self._heard < _SILENCE

    def send(self, message: bytes) -> bool:
        """Send a message; False: too much waits already, or it is closed."""
        if self._channel.readyState != "open" or self._channel.bufferedAmount > _MAX_WAITING:
            return False
        self._channel.send(message)
        return True

    def end(self) -> None:
        """Close it; returns at once."""
        ended, self._ended = self._ended, None
        if ended is not None:
            self._tasks.spawn(self._connection.close(), "data channel")
            ended()

    def _on_message(self, message: bytes | str) -> None:
        self._heard = monotonic()
        if len(message) > _LONGEST:
            self.end()
        elif self._ended is not None:
            # Text is none of what belongs here; the frame parser says so.
            self._receive(message if isinstance(message, bytes) else message.encode())

    def _state_changed(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self.end()

    def _give_up(self) -> None:
        if self._channel.readyState != "open":
            self.end()
