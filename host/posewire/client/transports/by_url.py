"""The way that a URL names."""

from collections.abc import Mapping

from posewire.client.transports.base import Opener, Transport
from posewire.client.transports.jitsi import Jitsi, open_jitsi
from posewire.client.transports.websocket import open_websocket
from posewire.jitsi.address import is_conference


def by_url(jitsi: Jitsi | None = None) -> Opener:
    """Return what opens a WebSocket, or a way through a conference, as the URL says."""

    async def open_way(url: str, headers: Mapping[str, str], timeout_s: float) -> Transport:
        if is_conference(url):
            return await open_jitsi(url, headers, timeout_s, jitsi)
        return await open_websocket(url, headers, timeout_s)

    return open_way
