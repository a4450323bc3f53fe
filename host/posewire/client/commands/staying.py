"""Being in a room for months: a program that joins again when the host has closed the room."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from posewire.client.connection import HostConnection
from posewire.client.rejoin import join_again
from posewire.client.room.room import Room
from posewire.errors import WireError
from posewire.terminal import warn


async def stay_in_room(
    host: HostConnection,
    name: str,
    work: Callable[[Room], Coroutine[Any, Any, None]],
    *,
    publish: Sequence[str] = (),
    subscribe: Sequence[str] = (),
) -> None:
    """Join a room and work in it until the work ends; when the room ends first, begin again in the next of its name.

    A lost connection is the connection's affair: the room outlives it.

    Raises:
        WireError: the host refuses the room at the start, or its owner has removed this program.
        NotConnectedError: the connection is over.
    """
    room = await host.join(name, publish=publish, subscribe=subscribe)
    while True:
        reason = await _until_over(room, work)
        if reason is None:
            return
        if reason.startswith("kicked"):
            raise WireError(f'this program was removed from the room "{name}" ({reason})', "room_denied")
        warn(f'no longer in the room "{name}" ({reason}): joining again')
        room = await join_again(lambda: host.join(name, publish=publish, subscribe=subscribe))
        warn(f'in the room "{name}" again')


async def _until_over(room: Room, work: Callable[[Room], Coroutine[Any, Any, None]]) -> str | None:
    """Work until that ends (None), or the room does (the reason)."""
    over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    remove = room.on("closed", over.set_result)
    working = asyncio.create_task(work(room))
    either: list[asyncio.Future[Any]] = [working, over]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
            return None
        return over.result()
    finally:
        remove()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
