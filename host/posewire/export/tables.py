"""Poses as text: CSV and JSON lines."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from posewire.errors import ConfigError
from posewire.export.poses import RecordedPose, plain

_CHANNELS = ("x", "y", "z", "visibility", "w")
_QUATERNION = ("w", "x", "y", "z")
_COLUMNS = ("time_s", "sent_ms", "device", "stream", "set", "landmark", *_CHANNELS)


def write_csv(poses: Iterable[RecordedPose], file: Path) -> int:
    """Write a row for each landmark; returns the number of poses. What is missing is empty.

    Raises:
        ConfigError: a set has more channels than there are columns.
    """
    count = 0
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, _COLUMNS, restval="")
        writer.writeheader()
        for pose in poses:
            count += 1
            for name, values in pose.values.items():
                channels = _channels(name, values.shape[1])
                for number, landmark in enumerate(plain(values)):
                    writer.writerow(
                        {
                            "time_s": f"{pose.time_s:.6f}", "sent_ms": pose.sent_ms, "device": pose.device,
                            "stream": pose.stream, "set": name, "landmark": number,
                            **dict(zip(channels, landmark, strict=True)),
                        }
                    )  # fmt: skip
    return count


def _channels(name: str, count: int) -> tuple[str, ...]:
    if name.startswith("quat"):
        return _QUATERNION
    if name == "coco17":
        return ("x", "y", "visibility")[:count]
    if count > len(_CHANNELS):
        raise ConfigError(f"{name} has {count} channels, and a CSV file {len(_CHANNELS)} columns for them: use .jsonl")
    return _CHANNELS[:count]


def write_jsonl(poses: Iterable[RecordedPose], file: Path) -> int:
    """Write a JSON object for each pose; returns their number. What is missing is null."""
    count = 0
    with file.open("w", encoding="utf-8") as out:
        for pose in poses:
            count += 1
            line = {
                "time_s": round(pose.time_s, 6), "sent_ms": pose.sent_ms, "device": pose.device, "stream": pose.stream,
                "values": {name: plain(values) for name, values in pose.values.items()},
            }  # fmt: skip
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
    return count
