"""All that leaves by a connection: messages, which wait for a host that is away, and frames, which do not."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from posewire.client.link.dialer import PROTOCOL
from posewire.client.link.outbox import Outbox
from posewire.client.link.send_queue import Priority, Queued, SendQueue
from posewire.errors import PosewireError, WireError
from posewire.wire.deflated import deflate
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.json_text import write_json


class Outgoing:
    """The queue of the present session, and the outbox for the time between two. ``deflates``: whether the host takes
    compressed messages.
    """

    def __init__(self, deflates: Callable[[], bool]) -> None:
        self.queue = SendQueue()
        self.outbox = Outbox()
        self._deflates = deflates

    def put(self, message: Mapping[str, Any], keep: bool = False) -> None:
        """Put a text message on its way; ``keep``: it is worth sending after a loss, too.

        Raises:
            WireError: it is not JSON.
            QueueFullError: too many wait already.
        """
        text = _as_json(message)

        def make() -> str | bytes:
            packed = deflate(text) if self._deflates() else None
            return text if packed is None else build_frame(FrameType.DEFLATED, packed, PROTOCOL)

        self.queue.put(Queued(Priority.CONTROL, make, message=message if keep else None))

    def keep(self, message: Mapping[str, Any], number: int | None = None) -> None:
        """Keep a message for a host that is away; see ``Outbox.keep``.

        Raises:
            WireError: it is not JSON.
            QueueFullError: too many wait already.
        """
        _as_json(message)
        self.outbox.keep(message, number)

    def put_frame(self, kind: FrameType, payload: bytes, member_id: int = 0) -> None:
        """Put a binary frame on its way. Control goes first, then audio, then poses."""
        frame = build_frame(kind, payload, PROTOCOL, member_id)
        self.queue.put(Queued(Priority.CONTROL if member_id else _priority(kind), lambda: frame))

    async def deliver(self, kind: FrameType, payload: bytes) -> bool:
        """Send a binary frame and wait until the network has taken it; False: the host went away before."""
        taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def sent(size: int | None) -> None:
            if not taken.done():
                taken.set_result(size is not None)

        frame = build_frame(kind, payload, PROTOCOL)
        self.queue.put(Queued(_priority(kind), lambda: frame, sent=sent))
        return await taken

    async def flush(self) -> None:
        """Wait until everything that was to be sent has been given to the network, or was lost with the connection."""
        gone = asyncio.Event()
        self.queue.put(Queued(Priority.POSE, lambda: None, sent=lambda size: gone.set()))
        await gone.wait()

    def resend(self) -> int:
        """Put on its way what waits for the host; returns how much that is."""
        count = 0
        for kept in self.outbox.to_resend():
            self.put(kept.message, keep=kept.number is None)
            count += 1
        return count

    def keep_unsent(self) -> None:
        """Keep the messages that were not given to the network yet; frames are worth nothing later."""
        for item in self.queue.empty():
            if item.message is not None:
                with suppress(PosewireError):
                    self.outbox.keep(item.message, at=item.at)


def _as_json(message: Mapping[str, Any]) -> str:
    try:
        return write_json(message)
    except ValueError as error:
        raise WireError(f"a message must be JSON: {error}") from None


def _priority(kind: FrameType) -> Priority:
    return Priority.POSE if kind == FrameType.POSE else Priority.AUDIO
