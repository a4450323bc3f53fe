"""Joining a room again after it was lost, for programs that run for months."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from posewire.errors import HostUnreachableError, NotConnectedError, WireError
from posewire.terminal import warn

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
"""Seconds between attempts to find a host that went away."""

Joined = TypeVar("Joined")


async def join_again(join: Callable[[], Awaitable[Joined]]) -> Joined:
    """Call ``join`` until the host lets this program in; what keeps it from that is said once.

    Raises:
        WireError: ``room_denied``: the host does not want this program there.
        NotConnectedError: the connection is over.
    """
    pause, said = _FIRST_PAUSE, ""
    while True:
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            return await join()
        except NotConnectedError:
            raise
        except (HostUnreachableError, WireError) as error:
            if error.code == "room_denied":
                raise
            if str(error) != said:
                said = str(error)
                warn(said)
