"""The table of memory: what fits on a board and what is refused by name."""

import pytest

from posewire.boards.board_file import load_board
from posewire.boards.budgets import device_tables, growth, load_budgets, memory_of, refusals
from posewire.boards.chip_memory import chip_memory
from posewire.boards.folders import board_folder, board_names

DEVKIT = load_board(board_folder("esp32-devkit"))
S3 = load_board(board_folder("esp32-s3-devkitc-1"))


def test_each_profile_fits_on_a_plain_esp32_with_its_reserve() -> None:
    table, chip = load_budgets(), chip_memory("esp32")
    for profile, parts in (("motion", ("base", "pose", "imu", "keypoints")), ("voice", ("base", "voice"))):
        heap = sum(table.parts[part].heap for part in parts)
        of_chip = sum(table.parts[part].chip for part in parts)
        keep = table.keep[profile]
        assert heap <= chip.first_heap + growth(chip, keep), profile
        assert of_chip + chip.costs["tcp"] + table.reserve_chip <= keep, profile


def test_tls_leaves_room_for_one_source_of_motion() -> None:
    table, chip = load_budgets(), chip_memory("esp32")
    for source in ("imu", "keypoints"):
        parts = [table.parts[part] for part in ("base", "pose", source)]
        assert sum(part.heap for part in parts) <= chip.first_heap + growth(chip, table.keep["tls"])
        left = table.keep["tls"] - sum(part.chip for part in parts)
        assert left >= chip.costs["tls_opening"] + chip.costs["tcp"], source


def test_what_the_board_is_told() -> None:
    tables, table = device_tables(DEVKIT), load_budgets()
    assert set(tables["needs"]) == {"pose", "imu", "keypoints", "voice", "follow"}
    imu = table.parts["imu"]
    assert tables["needs"]["imu"] == [imu.heap + table.reserve_heap, imu.chip + table.reserve_chip]
    assert tables["keep"] == [table.keep["voice"], table.keep["tls"]]
    assert not {"needs", "keep"} & set(device_tables(S3))
    assert memory_of(S3) is None


@pytest.mark.parametrize(
    ("profile", "config", "words"),
    [
        ("full", {}, "voice and motion together need a board with PSRAM"),
        ("motion", {"pose": {"room": "a", "receive": "body33"}}, "follow and publish need a board with PSRAM"),
        ("voice", {"pose": {"room": "a"}}, "the profile voice has no motion"),
        ("voice", {"audio": {"format": "opus"}}, "opus needs a board with PSRAM"),
    ],
)
def test_what_cannot_fit_is_refused_by_name(profile: str, config: dict[str, object], words: str) -> None:
    reasons = refusals(DEVKIT.with_profile(profile), config)
    assert len(reasons) == 1
    assert words in reasons[0]


def test_what_fits_is_not_refused() -> None:
    assert refusals(DEVKIT.with_profile("motion"), {"pose": {"room": "a"}}) == []
    assert refusals(DEVKIT, {}) == []
    assert refusals(S3, {"pose": {"room": "a", "receive": "body33"}}) == []
    assert refusals(S3, {"audio": {"format": "opus"}}) == []
    assert refusals(DEVKIT.with_profile("voice"), {"audio": {"format": "auto"}}) == []
    for name in board_names():
        assert refusals(load_board(board_folder(name)), {}) == []
