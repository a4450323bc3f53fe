"""The conditions of a simulated network link, and scripts of how they change."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from posewire.errors import ConfigError

ACTIONS = ("reset", "half_open")

_SLICE = 100
"""Milliseconds of a trace that become one step."""

_PACKET_BITS = 12_000
_LONGEST_TRACE = 86_400_000


@dataclass(frozen=True)
class LinkConditions:
    """The faults of a link, in each direction.

    ``latency_ms``: on every byte; ``jitter_ms``: 0 to so much more, the order stays. ``kbit_s``: bandwidth, 0: no
    limit; ``buffer_bytes``: what waits for it before the sender is held up. ``stall``: nothing passes, nobody is told.
    ``refuse``: no connection is made. ``chunk``: at most so many bytes in one write, 0: no limit. For datagrams only:
    ``loss``: the share that does not arrive, ``reorder``: the share that others overtake (0 to 1).
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    kbit_s: float = 0.0
    buffer_bytes: int = 16 * 1024
    stall: bool = False
    refuse: bool = False
    chunk: int = 0
    loss: float = 0.0
    reorder: float = 0.0

    def __post_init__(self) -> None:
        for name in ("latency_ms", "jitter_ms", "kbit_s", "chunk"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be 0 or more, is {getattr(self, name)}")
        for name in ("loss", "reorder"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be 0 to 1, is {getattr(self, name)}")
        if self.buffer_bytes < 1:
            raise ConfigError(f"buffer_bytes must be 1 or more, is {self.buffer_bytes}")


_KINDS: Mapping[str, type] = {entry.name: type(entry.default) for entry in fields(LinkConditions)}


@dataclass(frozen=True)
class Step:
    """At ``at`` seconds the conditions get these fields, and ``do`` is done: one of ``ACTIONS``, or nothing."""

    at: float
    changes: Mapping[str, Any] = field(default_factory=dict)
    do: str = ""


def read_script(file: Path) -> Sequence[Step]:
    """Read a script: a JSON object a line, a CSV file with a header, or a recorded trace of Mahimahi's kind.

    Objects and rows have ``at``, seconds from the start in ascending order, any fields of ``LinkConditions``, and
    ``do``. A trace has a time on each line, in milliseconds: one at which the network took a packet of 1500 bytes.

    Raises:
        ConfigError: the file cannot be read, or a line makes no sense; the message names it.
    """
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the script {file} cannot be read: {error}") from None
    if file.suffix != ".csv" and text.lstrip()[:1].isdigit():
        return _trace(file, text)
    steps: list[Step] = []
    for number, row in _rows(file, text):
        step = _step(f"{file}:{number}", row)
        if steps and step.at < steps[-1].at:
            raise ConfigError(f"{file}:{number}: the time {step.at:g} is earlier than that of the line before")
        steps.append(step)
    return steps


def _trace(file: Path, text: str) -> Sequence[Step]:
    """Return what a trace let pass in each tenth of a second; where that is nothing the link stalls."""
    taken: list[int] = []
    before = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            at = int(line)
        except ValueError:
            raise ConfigError(f"{file}:{number}: a trace has a whole number of milliseconds on each line") from None
        if not before <= at < _LONGEST_TRACE:
            raise ConfigError(f"{file}:{number}: the time {at} is earlier than that of the line before, or over a day")
        before = at
        taken.extend([0] * (at // _SLICE + 1 - len(taken)))
        taken[-1] += 1
    steps: list[Step] = []
    for number, packets in enumerate(taken):
        if not number or packets != taken[number - 1]:
            # 0 kbit/s would be no limit at all.
            changes = {"stall": False, "kbit_s": packets * _PACKET_BITS / _SLICE} if packets else {"stall": True}
            steps.append(Step(number * _SLICE / 1000, changes))
    return steps


def _rows(file: Path, text: str) -> list[tuple[int, Mapping[str, Any]]]:
    lines = text.splitlines()
    if file.suffix == ".csv":
        return [
            (number, {name: value for name, value in row.items() if value not in ("", None)})
            for number, row in enumerate(csv.DictReader(lines), 2)
        ]
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ConfigError(f"{file}:{number}: not JSON: {error}") from None
            if not isinstance(row, dict):
                raise ConfigError(f"{file}:{number}: each line must be a JSON object")
            rows.append((number, row))
    return rows


def _step(where: str, row: Mapping[str, Any]) -> Step:
    changes: dict[str, Any] = {}
    do = str(row.get("do", ""))
    if do and do not in ACTIONS:
        raise ConfigError(f'{where}: "do" must be one of {", ".join(ACTIONS)}, not "{do}"')
    for name, value in row.items():
        if name in ("at", "do"):
            continue
        kind = _KINDS.get(name)
        if kind is None:
            raise ConfigError(f'{where}: there is no condition "{name}"')
        changes[name] = _value(where, name, kind, value)
    try:
        replace(LinkConditions(), **changes)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    return Step(_value(where, "at", float, row.get("at", "")), changes, do)


def _value(where: str, name: str, kind: type, value: Any) -> Any:
    if kind is bool and isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    try:
        if kind is bool and not isinstance(value, bool):
            raise ValueError  # noqa: TRY301
        return kind(value)
    except (ValueError, TypeError):
        raise ConfigError(f'{where}: "{name}" must be of the type {kind.__name__}, not {value!r}') from None
