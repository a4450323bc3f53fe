"""The data channel beside a WebSocket: asked for by messages of the session, used while it works."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from posewire.client.transports.base import Transport
from posewire.client.transports.fallback import FallbackTransport
from posewire.client.transports.jitsi import JitsiTransport
from posewire.client.transports.switches import Switch, SwitchLog
from posewire.client.transports.webrtc import WebRtc, open_data_channel, require_webrtc
from posewire.errors import WireError


class PoseChannel:
    """Opens a data channel in each session whose host has one. ``options``: None: it is not wanted.

    ``send`` puts a message on the way, ``switched`` is called when poses go by another way.
    """

    def __init__(
        self,
        options: WebRtc | None,
        send: Callable[[Mapping[str, Any]], None],
        switched: Callable[[Switch], None],
    ) -> None:
        """Prepare it.

        Raises:
            ConfigError: it is wanted, and aiortc is not installed.
        """
        if options is not None:
            require_webrtc()
        self.log = SwitchLog()
        self._options = options
        self._send = send
        self._switched = switched
        self._transport: FallbackTransport | None = None
        self._conference: JitsiTransport | None = None
        self._url = ""
        self._held = False
        self._number = 0
        self._answer: asyncio.Future[str] | None = None

    @property
    def wanted(self) -> bool:
        """Whether this program wants one."""
        return self._options is not None

    @property
    def lossy(self) -> bool:
        """Whether poses go by it at this moment."""
        return self._transport is not None and self._transport.lossy

    def beside(self, transport: Transport) -> Transport:
        """Return what a session is to use: the opened transport, with room for a data channel beside it."""
        self._conference = transport if isinstance(transport, JitsiTransport) else None
        if self._options is None or self._conference is not None:
            return transport  # a conference has two ways itself
        self._transport = FallbackTransport(transport, self._options.fallback, self.log, self._note, self._held)
        return self._transport

    def reached(self, url: str, transport: Transport) -> None:
        """Note that a session has begun at an address: another one than before is a switch, too."""
        before, self._url = self._url, url
        if before not in ("", url):
            shown = url.partition("#")[0]
            self._switched(self.log.note(transport.name, f"the host was reached at {shown}", address=shown))
        elif self._options is None:
            self.log.using(transport.name)
        if self._conference is not None:
            self._conference.follow(self.log, self._switched)

    def agreed(self) -> None:
        """Open it: the host has one."""
        if self._transport is not None and self._options is not None:
            options = self._options
            self._transport.begin(partial(open_data_channel, self._ask, options.timeout_s))

    def rollback(self) -> None:
        """Go back to the way that was in use before, and stay there until this is called again."""
        if self._conference is not None:
            self._conference.rollback()
        elif self._transport is not None:
            self._transport.rollback()
            self._held = self._transport.held  # a session later as well

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take a ``webrtc`` message of the host."""
        answer = self._answer
        if answer is None or answer.done() or message.get("number") != self._number:
            return
        if message.get("event") == "answer":
            answer.set_result(str(message.get("sdp")))
        else:
            answer.set_exception(WireError(str(message.get("message")), str(message.get("code", "internal"))))

    async def _ask(self, offer: str) -> str:
        self._number += 1
        self._answer = asyncio.get_running_loop().create_future()
        self._send({"type": "webrtc", "action": "offer", "number": self._number, "sdp": offer})
        return await self._answer

    def _note(self, switch: Switch) -> None:
        if not self.lossy:
            self._send({"type": "webrtc", "action": "close"})  # the host need not find out by itself
        self._switched(switch)
