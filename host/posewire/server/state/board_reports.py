"""The latest telemetry of each board."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from posewire.wire.messages import Message

_BOARDS = 4000
_NUMBERS = (
    "uptime_ms", "heap_free", "heap_free_min", "rssi", "reconnects", "restarts", "audio_dropped", "pose_dropped",
    "lost_samples", "underruns", "stalls", "heap_size", "idf_free", "idf_largest", "idf_free_min",
    "battery", "battery_mv", "round_trip_ms",
)  # fmt: skip
_TEXTS = ("reset_cause", "slot", "firmware", "ssid")
_TEXT_MAX = 64
_CRASH_MAX = 2000
_LEFT_OUT_MAX = 10


@dataclass
class BoardReport:
    """One report. ``values``: the known fields (docs/wire.md); ``crash``: the text of a crash that came with it."""

    values: dict[str, int | str]
    started: bool = False
    crash: str = ""
    at: float = field(default_factory=time.time)
    last_crash: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        age = round(max(0.0, time.time() - self.at), 1)
        return {**self.values, "at": round(self.at, 1), "age_s": age, "crash": self.last_crash or None}


class BoardReports:
    """The reports by device; the board that was silent for longest makes room for others."""

    def __init__(self) -> None:
        self._reports: OrderedDict[str, BoardReport] = OrderedDict()

    def record(self, device_id: str, message: Message) -> BoardReport:
        """Keep the known fields of a ``telemetry`` message, in bounds; the rest is left out."""
        values: dict[str, int | str] = {}
        for name in _NUMBERS:
            value = message.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53:
                values[name] = value
        for name in _TEXTS:
            text = message.get(name)
            if isinstance(text, str):
                values[name] = text[:_TEXT_MAX]
        left_out = message.get("left_out")
        if isinstance(left_out, list) and left_out:
            parts = [part for part in left_out if isinstance(part, str)]
            values["left_out"] = ", ".join(parts[:_LEFT_OUT_MAX])[:_TEXT_MAX]
        crash = message.get("crash")
        before = self._reports.pop(device_id, None)
        if before is not None and not message.get("started"):
            # Only the first report after a start says how the board came to it.
            values = {name: value for name, value in before.values.items() if name in _TEXTS} | values
        report = BoardReport(values, bool(message.get("started")), crash[:_CRASH_MAX] if isinstance(crash, str) else "")
        report.last_crash = report.crash or (before.last_crash if before is not None else "")
        self._reports[device_id] = report
        while len(self._reports) > _BOARDS:
            self._reports.popitem(last=False)
        return report

    def get(self, device_id: str) -> BoardReport | None:
        """Return the latest report of a board."""
        return self._reports.get(device_id)
