"""The messages between the members of a room: the last ones, and which of each device were heard."""

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

_KEPT = 100
_KEPT_BYTES = 128 * 1024
_DEVICES = 256
_ANSWERS = 100
"""Messages of one device whose answer is kept: as many as a client keeps until they are confirmed."""


class _Kept(NamedTuple):
    number: int
    member_id: int
    to: int
    event: Mapping[str, Any]
    size: int


class MessageLog:
    """Numbers the messages of a room, and keeps the last 100 (128 KiB) for members who were away."""

    def __init__(self) -> None:
        self.last = 0
        """The number of the last message."""

        self.held_bytes = 0
        self._kept: deque[_Kept] = deque()
        self._heard: OrderedDict[str, OrderedDict[int, int]] = OrderedDict()

    def answer(self, device: str, number: int) -> int | None:
        """Return to how many a message was delivered that this device has sent before; None: it is new.

        A device numbers its messages in ascending order.
        """
        heard = self._heard.get(device)
        if not heard or number > next(reversed(heard)):
            return None
        return heard.get(number, 0)

    def heard(self, device: str, number: int, delivered: int) -> None:
        """Note that a message of a device was delivered to so many."""
        answers = self._heard.setdefault(device, OrderedDict())
        self._heard.move_to_end(device)
        answers[number] = delivered
        if len(answers) > _ANSWERS:
            answers.popitem(last=False)
        if len(self._heard) > _DEVICES:
            self._heard.popitem(last=False)

    def add(self, member_id: int, to: int, event: Mapping[str, Any], size: int) -> None:
        """Keep the message whose number is ``last``, from a member to another one (0: to all)."""
        self._kept.append(_Kept(self.last, member_id, to, event, size))
        self.held_bytes += size
        while len(self._kept) > _KEPT or self.held_bytes > _KEPT_BYTES:
            self.held_bytes -= self._kept.popleft().size

    def since(self, after: int, member_id: int) -> tuple[list[Mapping[str, Any]], int]:
        """Return what others said to a member after a number, and how many messages are no longer kept."""
        events = [
            kept.event
            for kept in self._kept
            if kept.number > after and kept.member_id != member_id and kept.to in (0, member_id)
        ]
        oldest = self._kept[0].number if self._kept else self.last + 1
        return events, max(0, oldest - 1 - after)

    def as_dict(self) -> dict[str, Any]:
        """Return for JSON what ``restore`` needs: the numbers, not the messages."""
        return {"last": self.last, "heard": {device: next(reversed(heard)) for device, heard in self._heard.items()}}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from the numbers of an earlier process."""
        self.last = saved["last"]
        self._heard = OrderedDict((device, OrderedDict({number: 0})) for device, number in saved["heard"].items())
