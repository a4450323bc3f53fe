"""A way to a host through a Jitsi conference (extra ``jitsi``): for a host that nobody reaches from outside.

A WebSocket as any other, whose TLS goes through the conference: by the bridge channel while that works, else by
messages through the room.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from posewire.client.transports.base import Delivery
from posewire.client.transports.conference_place import ConferencePlace
from posewire.client.transports.switches import FallbackPolicy, Switch, SwitchLog
from posewire.client.transports.websocket import WebSocketTransport, open_websocket
from posewire.errors import ConfigError, HostUnreachableError
from posewire.jitsi.address import read_address
from posewire.jitsi.certificate import NAME, require_jitsi

_PATH = "/posewire/v1/"


@dataclass(frozen=True)
class Jitsi:
    """How conferences are used. ``token``: a JWT, where the deployment wants one (not the host's token).

    ``name``: how this program is called in the conference. ``fallback``: when the bridge channel is left.
    """

    token: str = field(default="", repr=False)
    name: str = "Posewire"
    fallback: FallbackPolicy = field(default_factory=FallbackPolicy)


async def open_jitsi(
    url: str, headers: Mapping[str, str], timeout_s: float, options: Jitsi | None = None
) -> "JitsiTransport":
    """Reach a host in a conference within ``timeout_s`` seconds.

    Raises:
        ConfigError: what conferences need is not installed, or the address has no fingerprint.
        HostUnreachableError: the conference lets nobody in, or there is no host in it.
        UnauthorizedError: the host does not let this program in.
    """
    require_jitsi()
    options = options or Jitsi()
    address = read_address(url)
    if not address.fingerprint:
        raise ConfigError(
            "the address of a host in a conference ends with # and the host's fingerprint: without it, anybody in the "
            "conference could pass for the host. The host shows its address when it starts"
        )
    # aioice and what it brings along are loaded only where they are wanted.
    from posewire.jitsi.conference import join

    place = None
    try:
        async with asyncio.timeout(timeout_s):
            conference = await join(address, options.name, timeout_s, token=options.token)
            place = ConferencePlace(conference, options.fallback)
            way = await place.reach_host()
            websocket = await open_websocket(f"wss://{NAME}{_PATH}", headers, timeout_s, **way)
    except BaseException as error:
        if place is not None:
            place.abort()
        if isinstance(error, TimeoutError | ConnectionError):
            why = str(error) or f"no host with this fingerprint answers in the room {address.room}"
            raise HostUnreachableError(f"the conference at {address.url}: {why}") from None
        if isinstance(error, HostUnreachableError):
            # The name inside is nobody's; the user knows the address of the conference.
            error.args = (str(error).replace(f"wss://{NAME}", url.partition("#")[0]), *error.args[1:])
        raise
    return JitsiTransport(websocket, place)


class JitsiTransport:
    """An open way through a conference (``transports.base.Transport``)."""

    lossy = False

    def __init__(self, websocket: WebSocketTransport, place: ConferencePlace) -> None:
        self._websocket = websocket
        self._place = place

    @property
    def name(self) -> str:
        """The way at this moment: ``jitsi``, or ``jitsi-muc``: by messages through the room."""
        return self._place.way_name

    def follow(self, log: SwitchLog, switched: Callable[[Switch], None]) -> None:
        """Note each change between the bridge channel and the room in ``log``, and tell ``switched``."""
        self._place.follow(log, switched)

    def rollback(self) -> None:
        """Go back to the way that was in use before, and stay there until this is called again."""
        self._place.rollback()

    async def send(self, message: str | bytes, delivery: Delivery = Delivery.RELIABLE) -> None:
        """Send a message; returns when the network takes more. Nothing is lost, whatever ``delivery`` says."""
        await self._websocket.send(message, delivery)

    async def probe(self) -> None:
        """Send a WebSocket ping, and wait for its pong."""
        await self._websocket.probe()

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages that come, until the way is closed."""
        async for message in self._websocket.messages():
            yield message

    async def close(self) -> None:
        """Close it, and leave the conference."""
        await self._websocket.close()
        await self._place.leave()

    def abort(self) -> None:
        """Close it without a farewell to the host, and leave the conference."""
        self._websocket.abort()
        self._place.abort()

    def statistics(self) -> dict[str, Any]:
        """Return what was counted, and of the conference (``conference``)."""
        return {**self._websocket.statistics(), "conference": self._place.status()}

    @property
    def close_code(self) -> int | None:
        """The code with which it was closed."""
        return self._websocket.close_code

    @property
    def close_reason(self) -> str:
        """The reason that the side which closed has given, or why the conference has ended."""
        return self._websocket.close_reason or self._place.lost
