"""The table of memory: what each part of the firmware takes of a chip, and so what fits (boards/budgets.toml)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from posewire.boards.definition import BoardDefinition
from posewire.boards.folders import boards_folder
from posewire.errors import BoardError

_PARTS = {
    "motion": ("base", "pose", "imu", "keypoints"),
    "voice": ("base", "voice"),
    "full": ("base", "voice", "pose", "imu", "keypoints", "follow"),
}


@dataclass(frozen=True)
class Part:
    """The memory that a part takes, in bytes: of MicroPython's heap, and of the chip's own memory."""

    title: str
    heap: int
    chip: int


@dataclass(frozen=True)
class ChipBudget:
    """The memory of a chip, in bytes; budgets.toml explains each figure."""

    source: str
    first_heap: int
    at_boot: int
    wifi: int
    code_apart: int
    socket: int
    tls: int
    tls_opening: int
    growth: int
    growth_tls: int


@dataclass(frozen=True)
class Budgets:
    """The whole table."""

    chips: Mapping[str, ChipBudget]
    parts: Mapping[str, Part]
    reserve_heap: int
    reserve_chip: int


@cache
def load_budgets() -> Budgets:
    """Read budgets.toml. Raises BoardError."""
    path = boards_folder() / "budgets.toml"
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        return Budgets(
            {name: ChipBudget(**values) for name, values in data["chip"].items()},
            {name: Part(**values) for name, values in data["part"].items()},
            data["reserve"]["heap"],
            data["reserve"]["chip"],
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise BoardError(f"{path}: {error}") from error


def memory_of(board: BoardDefinition) -> ChipBudget | None:
    """Return what the board's chip has; None where it has PSRAM or was not measured."""
    return None if "SPIRAM" in board.image.full_name else load_budgets().chips.get(board.board.chip)


def needs(board: BoardDefinition) -> dict[str, list[int]]:
    """Return what must be free before a part is opened, as ``needs_of_chip``, for board.json."""
    return {} if memory_of(board) is None else needs_of_chip(board.board.chip)


def needs_of_chip(chip: str) -> dict[str, list[int]]:
    """Return what must be free before a part is opened on a chip without PSRAM: [heap, chip's memory] with the reserve.

    Empty where the chip was not measured.
    """
    table = load_budgets()
    if chip not in table.chips:
        return {}
    return {
        name: [part.heap + table.reserve_heap, part.chip + table.reserve_chip]
        for name, part in table.parts.items()
        if name not in ("base", "tools", "opus")
    }


def refusals(board: BoardDefinition, config: Mapping[str, Any]) -> list[str]:
    """Return why a profile and settings cannot work on a board: one sentence for each reason, none where they can."""
    memory = memory_of(board)
    profile = board.board.profile
    pose = config.get("pose")
    pose = pose if isinstance(pose, Mapping) else {}
    found = []
    if profile == "full" and memory is not None:
        table = load_budgets()
        parts = [table.parts[name] for name in _PARTS["full"]]
        heap, chip = sum(part.heap for part in parts), sum(part.chip for part in parts)
        have = memory.first_heap + memory.at_boot - memory.wifi
        found.append(
            f"voice and motion together need a board with PSRAM: {heap + chip} bytes, of which {board.board.name} has "
            f"{have}; choose --profile voice or --profile motion"
        )
    audio = config.get("audio")
    if memory is not None and profile == "voice" and isinstance(audio, Mapping) and audio.get("format") == "opus":
        heap = sum(load_budgets().parts[name].heap for name in ("base", "voice", "opus"))
        if heap > memory.first_heap + memory.growth:
            found.append("opus needs a board with PSRAM: choose auto, ima-adpcm or pcm as audio.format")
    if profile == "motion" and pose.get("receive") is not None:
        found.append("follow and publish need a board with PSRAM (--profile full): pose.receive is set")
    if profile == "voice" and pose.get("room"):
        found.append("the profile voice has no motion: leave out pose.room, or choose --profile motion")
    return found
