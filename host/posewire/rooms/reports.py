"""The reports of a room's receivers, added up for each publisher; for a board the host decides what follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

from posewire.rooms.member import Member
from posewire.rooms.pose_stream import PoseStream
from posewire.rooms.quality import LEVELS, REPORT_EVERY, QualityController, ReceiverReport, add_up
from posewire.wire.pose import Control, control

_FRESH = 3.0
"""Seconds for which a report counts."""

_REMEMBERED = 120.0
"""Seconds after a trouble for which its publisher is told how it goes on: that lets it find its way back."""

_LEAST_BYTES = 24
_SOON = 0.8 * REPORT_EVERY


@dataclass
class _Watched:
    controller: QualityController = field(default_factory=QualityController)
    told: float = float("-inf")
    troubled: float = float("-inf")


class Reports:
    """Adds the reports up. ``members`` is the room's own dictionary, by id; ``room``: its name.

    A report names the streams that are in trouble; all others that its member gets are fine.
    """

    def __init__(self, members: Mapping[int, Member], room: str) -> None:
        self._members = members
        self._room = room
        self._watched: dict[tuple[int, int], _Watched] = {}

    def receive(self, member: Member, troubles: Mapping[tuple[int, int], ReceiverReport]) -> None:
        """Take a member's report: streams in trouble, by publisher and stream number."""
        now = monotonic()
        member.reported, member.troubles = now, dict(troubles)
        for key in troubles:
            publisher = self._members.get(key[0])
            if publisher is not None and key[1] in publisher.streams:
                self._watched.setdefault(key, _Watched())
        for key, watched in list(self._watched.items()):
            publisher = self._members.get(key[0])
            stream = publisher.streams.get(key[1]) if publisher is not None else None
            if publisher is None or stream is None:
                del self._watched[key]
            elif now - watched.told >= _SOON:
                self._tell(publisher, stream, watched, now)
                if now - watched.troubled > _REMEMBERED:
                    del self._watched[key]

    def forget(self, member: Member) -> None:
        """Forget a member who has left; what it slowed down is as it was."""
        for key in [key for key in self._watched if key[0] == member.member_id]:
            del self._watched[key]
        member.troubles.clear()
        now = monotonic()
        for key in list(self._watched):
            publisher = self._members.get(key[0])
            if publisher is not None and not self._receivers(publisher, now):
                # Nobody is left who would say that all is well.
                del self._watched[key]
                stream = publisher.streams.get(key[1])
                if stream is not None and stream.adapted:
                    _ask(publisher, stream, 0)

    def _tell(self, publisher: Member, stream: PoseStream, watched: _Watched, now: float) -> None:
        key = publisher.member_id, stream.number
        reports = [other.troubles.get(key, ReceiverReport()) for other in self._receivers(publisher, now)]
        together = add_up(reports)
        watched.told = now
        if not together.is_fine:
            watched.troubled = now
        if publisher.link is None:
            return
        if publisher.reports:
            publisher.link.send_room_event(
                {
                    "type": "room",
                    "event": "reports",
                    "room": self._room,
                    "stream": stream.number,
                    "reporting": len(reports),
                    "loss": round(together.loss, 4),
                    "age_ms": round(together.age_ms, 1),
                    "buffer": together.buffer,
                }
            )
        elif watched.controller.update(together, now) and stream.rate is None:
            # A board knows byte budgets. One that its only receiver has set is that one's own wish.
            share = LEVELS[watched.controller.level].size
            budget = 0 if share == 1.0 else max(_LEAST_BYTES, round(share * stream.mean_bytes))
            _ask(publisher, stream, budget)

    def _receivers(self, publisher: Member, now: float) -> list[Member]:
        """Return who gets the publisher's poses and has reported lately."""
        return [
            other
            for other in self._members.values()
            if other is not publisher
            and now - other.reported < _FRESH
            and other.subscribe.wants("pose", publisher.member_id, publisher.device)
        ]


def _ask(publisher: Member, stream: PoseStream, budget: int) -> None:
    """Ask a board for packets of so many bytes; 0: of any size."""
    stream.adapted = budget > 0
    if publisher.link is not None:
        publisher.link.send_pose_control(control(Control.RATE, stream.number, 0, budget))
