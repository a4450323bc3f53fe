"""The table of memory: what each part of the firmware takes of a chip, and so what fits (boards/budgets.toml)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from posewire.boards.chip_memory import ChipMemory, chip_memories
from posewire.boards.definition import BoardDefinition
from posewire.boards.folders import boards_folder
from posewire.errors import BoardError

# Heap, chip's memory and memory for machine code together: a plain ESP32 has 165 000 bytes of them.
_TIGHT = 150_000
_PARTS = {
    "motion": ("base", "pose", "imu", "keypoints"),
    "voice": ("base", "voice"),
    "full": ("base", "voice", "pose", "imu", "keypoints", "follow"),
}


@dataclass(frozen=True)
class Part:
    """The bytes that a part takes: of MicroPython's heap, and of the chip's own memory.

    ``later``: heap that parts take which are opened after it.
    """

    title: str
    heap: int
    chip: int
    later: int = 0


@dataclass(frozen=True)
class Budgets:
    """The budgets of all chips and profiles, as ``budgets.toml`` has them."""

    parts: Mapping[str, Part]
    keep: Mapping[str, int]
    keep_tight: Mapping[str, int]
    reserve_heap: int
    reserve_chip: int


@cache
def load_budgets() -> Budgets:
    """Read budgets.toml. Raises BoardError."""
    path = boards_folder() / "budgets.toml"
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        return Budgets(
            {name: Part(**values) for name, values in data["part"].items()},
            data["keep"],
            data["keep_tight"],
            data["reserve"]["heap"],
            data["reserve"]["chip"],
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise BoardError(f"{path}: {error}") from error


def memory_of(board: BoardDefinition) -> ChipMemory | None:
    """Return what the board's chip has; None where it has PSRAM or was not measured."""
    found = chip_memories().get(board.board.chip)
    return found if found is not None and found.measured and "SPIRAM" not in board.image.full_name else None


def device_tables(board: BoardDefinition, memory: ChipMemory | None = None) -> dict[str, Any]:
    """Return the content of board.json: what the firmware reads of a definition, and what it is told of memory.

    ``needs``: what must be free before a part is opened, [heap, chip's memory] with the reserve; ``keep``: what the
    heap leaves to the chip when it grows, [without, with TLS]. ``memory``: of the chip; None: as it is known.
    """
    tables = board.device_tables()
    known = memory or board.memory
    if not known.psram:
        table = load_budgets()
        # The profile full has the firmware as it is, not merged and shortened: what comes later takes twice as much.
        tables["needs"] = needs(2 if board.board.profile == "full" else 1)
        has = known.first_heap + known.idf_free - known.wifi + sum(free for _, free in known.code)
        keep = table.keep if has > _TIGHT else table.keep_tight
        tables["keep"] = [keep[board.board.profile], keep["tls"]]
    return tables


def growth(memory: ChipMemory, keep: int) -> int:
    """Return the bytes by which the heap grows on a chip that has joined a network, less what it is to leave."""
    return memory.idf_free - memory.wifi - keep


def needs(times_later: int = 1) -> dict[str, list[int]]:
    """Return what must be free before a part is opened, [heap, chip's memory] with the reserve."""
    table = load_budgets()
    return {
        name: [part.heap + times_later * part.later + table.reserve_heap, part.chip + table.reserve_chip]
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
    if profile == "full" and not board.memory.psram and board.board.name != "sim":
        table = load_budgets()
        parts = [table.parts[name] for name in _PARTS["full"]]
        heap, chip = sum(part.heap for part in parts), sum(part.chip for part in parts)
        have = board.memory.first_heap + board.memory.idf_free - board.memory.wifi
        about = "" if memory is not None else "about "
        found.append(
            f"voice and motion together need a board with PSRAM: {heap + chip} bytes, of which {board.board.name} has "
            f"{about}{have}; choose --profile voice or --profile motion"
        )
    audio = config.get("audio")
    if memory is not None and profile == "voice" and isinstance(audio, Mapping) and audio.get("format") == "opus":
        heap = sum(load_budgets().parts[name].heap for name in ("base", "voice", "opus"))
        if heap > memory.first_heap + growth(memory, load_budgets().keep["voice"]):
            found.append("opus needs a board with PSRAM: choose auto, ima-adpcm or pcm as audio.format")
    if profile == "motion" and pose.get("receive") is not None:
        found.append("follow and publish need a board with PSRAM (--profile full): pose.receive is set")
    if profile == "voice" and pose.get("room"):
        found.append("the profile voice has no motion: leave out pose.room, or choose --profile motion")
    return found
