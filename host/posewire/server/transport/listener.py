"""The listening socket: each connection begins with protocol detection, then is a WebSocket or plain HTTP."""

import asyncio
import errno
import os

from posewire.errors import ConfigError
from posewire.server.transport.certificate import Certificate
from posewire.server.transport.openings import Opening, Openings
from posewire.server.transport.protocol_detect import OPENING_TIMEOUT, MakeProtocol, ProtocolDetector
from posewire.server.transport.tls import TlsDoor

_BACKLOG = 2048
"""Connections that the kernel completes before they are accepted: a whole fleet comes back at once after a restart."""

_AT_ONCE = 128
"""Connections that are accepted before the first of them is looked at: fewer than the descriptors that are reserved."""


class Listener:
    """Accepts connections for one host; ``websocket`` and ``http`` make the protocol of a connection.

    ``openings``: the limits on connections that have not sent a request yet. ``http_paths``: see ``ProtocolDetector``.
    """

    def __init__(
        self, websocket: MakeProtocol, http: MakeProtocol, openings: Openings, http_paths: tuple[bytes, ...] = ()
    ) -> None:
        self._http_paths = http_paths
        self._websocket = websocket
        self._http = http
        self._server: asyncio.Server | None = None
        self.certificate: Certificate | None = None
        """The certificate of this host; None where there is no TLS."""

        self._openings = openings

    async def start(self, host: str, port: int, certificate: str = "", key: str = "") -> tuple[str, int]:
        """Start listening; return the address and the real port. ``certificate`` and ``key``: files, for TLS.

        Raises:
            ConfigError: the address is taken or not of this machine, or the certificate cannot be read.
        """
        if certificate:
            self.certificate = await asyncio.to_thread(Certificate, certificate, key)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._tls_door if self.certificate is not None else self._detector, host, port, backlog=_AT_ONCE
            )
        except OSError as exc:
            why = os.strerror(exc.errno) if exc.errno else str(exc)
            advice = ". Does another host run there? --port chooses another" if exc.errno == errno.EADDRINUSE else ""
            raise ConfigError(f"cannot listen on {host}:{port}: {why}{advice}") from None
        for listening in self._server.sockets:
            # asyncio's one number is both: how many the kernel completes, and how many are accepted at once.
            with listening.dup() as again:
                again.listen(_BACKLOG)
        return host, self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop accepting; open connections stay."""
        if self._server is not None:
            self._server.close()

    def _detector(self, opening: Opening | None = None) -> ProtocolDetector:
        return ProtocolDetector(self._websocket, self._http, self._openings, opening, self._http_paths)

    def _tls_door(self) -> TlsDoor:
        assert self.certificate is not None
        return TlsDoor(self._detector, self.certificate.context, self._openings, OPENING_TIMEOUT)
