"""A participant's transport to the video bridge: up, and kept up, for the bridge lets go of those whose is not.

Nothing is sent by it but what keeps it up (RFC 7675: consent).
"""

import ipaddress
import logging
from contextlib import suppress

from aioice import Candidate as AioiceCandidate
from aioice import Connection

from posewire.jitsi.jingle import Candidate, IceSide
from posewire.task_scope import TaskScope

_log = logging.getLogger(__name__)


class BridgeTransport:
    """One transport, controlled by the bridge. ``state``: ``new``, ``up``, ``failed``, for a person."""

    def __init__(self) -> None:
        self.state = "new"
        self._connection = Connection(ice_controlling=False, stun_server=None)
        self._tasks = TaskScope(lambda error: None)

    async def own_side(self) -> IceSide:
        """Return what the bridge needs to know of this side."""
        await self._connection.gather_candidates()
        found = tuple(
            Candidate(each.foundation, each.component, each.transport, each.priority, each.host, each.port, each.type)
            for each in self._connection.local_candidates
        )
        return IceSide(self._connection.local_username, self._connection.local_password, found)

    def begin(self, bridge: IceSide) -> None:
        """Come up with what the bridge has said."""
        self._tasks.spawn(self._connect(bridge), "ice")

    async def close(self) -> None:
        """Let it go."""
        await self._tasks.close()
        with suppress(ConnectionError, OSError):
            await self._connection.close()

    async def _connect(self, bridge: IceSide) -> None:
        self._connection.remote_username, self._connection.remote_password = bridge.ufrag, bridge.password
        for each in bridge.candidates:
            # A name in place of an address would be looked up by mDNS; bridges have addresses.
            with suppress(ValueError):
                ipaddress.ip_address(each.ip)
                await self._connection.add_remote_candidate(
                    AioiceCandidate(
                        each.foundation, each.component, each.protocol, each.priority, each.ip, each.port, each.type
                    )
                )
        await self._connection.add_remote_candidate(None)
        try:
            await self._connection.connect()
        except ConnectionError as error:
            self.state = "failed"
            _log.info("the transport to the video bridge does not come up: %s", error)
            return
        self.state = "up"
        with suppress(ConnectionError):
            while True:
                await self._connection.recv()  # the bridge may send media: they are nobody's here
        self.state = "failed"
