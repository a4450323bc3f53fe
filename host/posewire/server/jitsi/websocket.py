"""A WebSocket whose bytes come through a conference: as any other, but its peer is a member, not an address."""

import asyncio

from posewire.server.transport.websocket import Admit, WebSocket


class ConferenceWebSocket(WebSocket):
    """The WebSocket of one stream. ``member``: its endpoint id; limits by address count by it."""

    def __init__(self, member: str, admit: Admit, max_message: int) -> None:
        super().__init__(admit, max_message)
        self._member = member

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Name the peer: the socket is one of this machine's own."""
        super().connection_made(transport)
        self.peer = f"jitsi/{self._member}:0"
