"""A data channel of WebRTC to a host (extra ``webrtc``: aiortc): messages may be lost or overtaken, none waits."""

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Any

from posewire.client.transports.base import Delivery, TransportCounts
from posewire.client.transports.switches import FallbackPolicy
from posewire.errors import ConfigError, HostUnreachableError
from posewire.task_scope import TaskScope
from posewire.wire.close_codes import ABNORMAL, NORMAL
from posewire.wire.frames import FrameType, build_frame

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

LABEL, CHANNEL = "poses", 0
"""The name and the number of the data channel (``docs/wire.md`` section 2.13): both sides know them."""

_MAX_WAITING = 8 * 1024
"""Bytes that may wait for the network before sending waits, too."""

_MAX_ARRIVED = 256
_AGAIN = 0.04
"""Seconds after which a probe that was not answered is sent again, at least: it may be lost."""

_PROBE_BYTES = struct.Struct(">I")
_PROBE_HEADER = build_frame(FrameType.PROBE, bytes(_PROBE_BYTES.size), 3)[:-4]

Ask = Callable[[str], Awaitable[str]]
"""Gives the host an offer and returns its answer, both as SDP; raises ``PosewireError`` where it refuses."""


@dataclass(frozen=True)
class WebRtc:
    """How a data channel is used. ``fallback``: when it is left, and tried again. ``timeout_s``: for its opening."""

    fallback: FallbackPolicy = field(default_factory=FallbackPolicy)
    timeout_s: float = 10.0


def require_webrtc() -> None:
    """Look for aiortc.

    Raises:
        ConfigError: it is not installed.
    """
    if find_spec("aiortc") is None:
        raise ConfigError("a data channel needs aiortc: pip install 'posewire[webrtc]'")


async def open_data_channel(ask: Ask, timeout_s: float) -> "DataChannelTransport":
    """Open a data channel within ``timeout_s`` seconds.

    Raises:
        HostUnreachableError: no packet comes through in time.
        PosewireError: the host refuses.
    """
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

    # No STUN servers: the host answers at the address from which it is reached.
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transport = DataChannelTransport(connection)
    try:
        async with asyncio.timeout(timeout_s):
            await connection.setLocalDescription(await connection.createOffer())
            answer = await ask(connection.localDescription.sdp)
            await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await transport.opened()
            await transport.probe()
    except BaseException as error:
        await transport.close()
        if isinstance(error, TimeoutError | ConnectionError | ValueError):
            raise HostUnreachableError(f"no data channel opens: {error or 'no packet comes through'}") from None
        raise
    return transport


class DataChannelTransport:
    """An open data channel (``transports.base.Transport``), for binary messages."""

    name = "webrtc"
    lossy = True

    def __init__(self, connection: "RTCPeerConnection") -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self._connection = connection
        self._counts = TransportCounts()
        self._tasks = TaskScope()
        self._arrived: deque[bytes] = deque()
        self._overrun = 0
        self._changed = asyncio.Event()
        self._probes: dict[int, asyncio.Future[int]] = {}
        self._number = 0
        self._round_trip = _AGAIN
        self._channel = connection.createDataChannel(
            LABEL, negotiated=True, id=CHANNEL, ordered=False, maxRetransmits=0
        )
        self._channel.bufferedAmountLowThreshold = _MAX_WAITING // 2
        for event in ("open", "bufferedamountlow"):
            self._channel.on(event, self._change)
        self._channel.on("close", lambda: self._end(NORMAL, "the host has closed the data channel"))
        self._channel.on("message", self._on_message)
        connection.on("connectionstatechange", self._state_changed)

    async def opened(self) -> None:
        """Wait until it is open.

        Raises:
            ConnectionError: it will not be.
        """
        while self._channel.readyState == "connecting" and self.close_code is None:
            await self._next_change()
        self._require_open()

    async def send(self, message: str | bytes, delivery: Delivery = Delivery.RELIABLE) -> None:
        """Send a message; returns when the network takes more. It may be lost, whatever ``delivery`` says.

        Raises:
            ConnectionError: it is closed.
        """
        while self._channel.bufferedAmount > _MAX_WAITING and self.close_code is None:
            await self._next_change()
        try:
            self._require_open()
        except ConnectionError:
            self._counts.failed += 1
            raise
        self._channel.send(message)
        self._counts.sent(len(message))

    async def probe(self) -> None:
        """Send a probe, again until one is answered.

        Raises:
            ConnectionError: it is closed.
        """
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        sent: dict[int, float] = {}
        try:
            while not answered.done():
                self._require_open()
                self._number = (self._number + 1) & 0xFFFFFFFF
                sent[self._number] = monotonic()
                self._probes[self._number] = answered
                self._channel.send(_PROBE_HEADER + _PROBE_BYTES.pack(self._number))
                await asyncio.wait([answered], timeout=max(_AGAIN, 1.25 * self._round_trip))
        finally:
            for number in sent:
                self._probes.pop(number, None)
        # Of the probe that was answered: those before it may be lost.
        self._round_trip += (monotonic() - sent[answered.result()] - self._round_trip) / 8

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages that come, until it is closed."""
        while True:
            while self._arrived:
                yield self._arrived.popleft()
            if self.close_code is not None:
                return
            await self._next_change()

    async def close(self) -> None:
        """Close it."""
        self._end(NORMAL, "closed")
        await self._tasks.join()

    def abort(self) -> None:
        """Close it; returns at once."""
        self._end(ABNORMAL, "")

    def statistics(self) -> dict[str, Any]:
        """Return what was counted, and ``overrun``: messages that came faster than they were taken."""
        return {**self._counts.as_dict(), "overrun": self._overrun, "round_trip_ms": 1000 * self._round_trip}

    def _on_message(self, message: bytes | str) -> None:
        if not isinstance(message, bytes):
            return
        if message.startswith(_PROBE_HEADER):
            number = int.from_bytes(message[len(_PROBE_HEADER) :], "big")
            answered = self._probes.get(number)
            if answered is not None and not answered.done():
                answered.set_result(number)
            return
        self._counts.received(len(message))
        if len(self._arrived) >= _MAX_ARRIVED:
            self._arrived.popleft()
            self._overrun += 1
        self._arrived.append(message)
        self._change()

    def _state_changed(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self._end(ABNORMAL, f"the data channel has {self._connection.connectionState}")

    def _end(self, code: int, reason: str) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self._tasks.spawn(self._connection.close(), "data channel")
            self._change()

    def _require_open(self) -> None:
        if self.close_code is not None or self._channel.readyState != "open":
            raise ConnectionError(self.close_reason or "the data channel is not open")

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _next_change(self) -> None:
        await self._changed.wait()
