"""The listening socket: each connection begins with protocol detection, then is a WebSocket or plain HTTP."""

import asyncio

from posewire.errors import ConfigError
from posewire.server.transport.certificate import Certificate
from posewire.server.transport.protocol_detect import OPENING_TIMEOUT, MakeProtocol, ProtocolDetector

_BACKLOG = 2048
"""Connections that the kernel completes before they are accepted: a whole fleet comes back at once after a restart."""


class Listener:
    """Accepts connections for one host; ``websocket`` and ``http`` make the protocol of a connection."""

    def __init__(self, websocket: MakeProtocol, http: MakeProtocol) -> None:
        self._websocket = websocket
        self._http = http
        self._server: asyncio.Server | None = None
        self.certificate: Certificate | None = None
        """The certificate of this host; None where there is no TLS."""

        self._waiting: dict[ProtocolDetector, None] = {}

    async def start(self, host: str, port: int, certificate: str = "", key: str = "") -> tuple[str, int]:
        """Start listening; return the address and the real port. ``certificate`` and ``key``: files, for TLS.

        Raises:
            ConfigError: the address is taken or not of this machine, or the certificate cannot be read.
        """
        if certificate:
            self.certificate = await asyncio.to_thread(Certificate, certificate, key)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: ProtocolDetector(self._websocket, self._http, self._waiting),
                host,
                port,
                ssl=self.certificate.context if self.certificate is not None else None,
                # The detector, with a time limit of its own, is made when the handshake is done.
                ssl_handshake_timeout=OPENING_TIMEOUT if self.certificate is not None else None,
                backlog=_BACKLOG,
            )
        except OSError as exc:
            raise ConfigError(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from None
        return host, self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop accepting; open connections stay."""
        if self._server is not None:
            self._server.close()
