"""The quality of a sender's stream: what the way to the host carries, and what its receivers report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posewire.client.sending.uplink import Uplink
from posewire.rooms.quality import LEVELS, Level, QualityController, ReceiverReport

_MEAN_OF = 100
_LEAST_BYTES = 24
_GRAVE_LOSS, _ONE_STEP, _NEITHER = 0.4, 0.2, 0.03
"""Losses: one that is too much on any way (a report counts few packets: of a tenth, a third may be lost in it), one
that costs a step, and one with which the quality stays as it is.
"""


_ADVICE = {
    "": "",
    "uplink": "the way from this program to the host is narrow: come closer to the Wi-Fi's access point, use a cable,"
    " or send fewer landmark sets",
    "loss": "packets are lost on the way to receivers: their networks are overloaded or weak; a lower fps helps",
    "age": "poses arrive late at receivers: their networks are slower than the stream; a lower fps or fewer landmark"
    " sets help",
    "buffer": "receiving programs do not keep up: let them decode with compiled=True, or send at a lower fps",
}


@dataclass(frozen=True)
class Quality:
    """The quality of a stream. ``level``: 0 is the full one; ``name``: ``full``, ``good``, ``fair``, ``low`` or
    ``minimum``. ``cause`` of a lower one: ``uplink`` (the way to the host), ``loss``, ``age`` or ``buffer`` (what
    receivers report). ``advice``: what a person may do about it.
    """

    level: int = 0
    name: str = "full"
    cause: str = ""

    @property
    def is_degraded(self) -> bool:
        """Whether it is less than the full one."""
        return self.level > 0

    @property
    def advice(self) -> str:
        """Advice to a person; empty at the full quality."""
        return _ADVICE[self.cause]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"level": self.level, "name": self.name, "cause": self.cause, "advice": self.advice}


class Adaptation:
    """Decides on the level of one stream, the lower one of what the way to the host and the receivers allow.

    While the way to the host is narrow, receivers' complaints say nothing new: they do not count.
    """

    def __init__(self) -> None:
        self._receivers = QualityController()
        self._uplink = Uplink()
        self._full_bytes = 0.0
        self._measured = 0

    @property
    def quality(self) -> Quality:
        """The quality at this moment."""
        uplink = self._uplink.level
        if uplink and uplink >= self._receivers.level:
            return Quality(uplink, LEVELS[uplink].name, "uplink")
        level = self._receivers.level
        return Quality(level, LEVELS[level].name, self._receivers.cause if level else "")

    @property
    def level(self) -> Level:
        """Describe the quality in words."""
        return LEVELS[self.quality.level]

    @property
    def budget(self) -> int | None:
        """Bytes that a packet may have; None: any number."""
        size = self.level.size
        return None if size == 1.0 or not self._full_bytes else max(_LEAST_BYTES, round(size * self._full_bytes))

    @property
    def layers(self) -> int:
        """The least number of layers: where receivers have trouble, the host may drop every other pose."""
        return 2 if self.quality.level and self.quality.cause != "uplink" else 1

    def on_reports(self, event: Mapping[str, Any], now: float, lossy: bool = False) -> None:
        """Take what the receivers say together (a ``reports`` event).

        ``lossy``: poses go by a way that loses some. There a lost packet costs one pose and makes none late, and
        smaller ones are lost as well: one step is enough, unless nearly half is lost.
        """
        loss = float(event["loss"])
        if lossy and loss < _GRAVE_LOSS:
            loss = min(loss, _NEITHER if self._receivers.level else _ONE_STEP)
        report = ReceiverReport(loss, float(event["age_ms"]), int(event["buffer"]))
        if not self._uplink.level:
            self._receivers.update(report, now)

    def on_uplink(self, limit: float | None, carries: float | None, fps: float, now: float) -> None:
        """Take what the way to the host carries, in bytes a second (``Uplink``). ``fps``: of the full quality."""
        if self._full_bytes:
            self._uplink.update(self._full_bytes, fps, limit, carries, now)

    def sent(self, size: int) -> None:
        """Note the size of a packet."""
        if not self.quality.level:
            self._measured = min(_MEAN_OF, self._measured + 1)
            self._full_bytes += (size - self._full_bytes) / self._measured

    def keep(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sets of a pose that are sent at this level: at least one."""
        kept = {name: values for name, values in names.items() if not name.startswith(self.level.without or ("-",))}
        return kept or dict(names)
