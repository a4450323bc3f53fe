"""The two times that end a connection by themselves: no hello has come, and the token is no longer valid."""

import asyncio
import time

from posewire.errors import WireError
from posewire.server.connection.peer import Peer
from posewire.wire.close_codes import POLICY_VIOLATION, PROTOCOL_ERROR


class Deadlines:
    """The timers of one connection. They hold the peer until they are cancelled."""

    def __init__(self, peer: Peer, hello_timeout: float) -> None:
        loop = asyncio.get_running_loop()
        self._hello = loop.call_later(hello_timeout, _refuse_silence, peer, hello_timeout)
        expires = peer.identity.principal.expires
        self._token = loop.call_later(max(0.0, expires - time.time()), _expire, peer) if expires is not None else None

    def hello_came(self) -> None:
        """Wait for no hello any more."""
        self._hello.cancel()

    def cancel(self) -> None:
        """Let both times pass without effect: the connection is closed."""
        self._hello.cancel()
        if self._token is not None:
            self._token.cancel()


def _refuse_silence(peer: Peer, seconds: float) -> None:
    peer.refuse(WireError(f"no hello within {seconds:.0f} s", "hello_timeout"))
    peer.close(PROTOCOL_ERROR, "no hello")


def _expire(peer: Peer) -> None:
    peer.close(POLICY_VIOLATION, "the token has expired: connect with a new one")
