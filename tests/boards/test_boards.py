"""Board definitions: those that ship are right, and a wrong one is refused with words that help."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.boards.board_file import load_board, parse_board
from posewire.boards.definition import CLASSES
from posewire.boards.folders import board_folder, board_names, boards_folder
from posewire.boards.unsupported import unsupported_boards
from posewire.errors import BoardError

ROOT = Path(__file__).parents[2]
REFERENCE = tomllib.loads((ROOT / "boards" / "esp32-s3-devkitc-1" / "board.toml").read_text())
HALF = tomllib.loads((ROOT / "boards" / "m5-atoms3-echo-base" / "board.toml").read_text())


@pytest.mark.parametrize("name", board_names())
def test_what_ships_is_right(name: str) -> None:
    board = load_board(board_folder(name))
    assert board.board.name == name
    assert name == "sim" or board.board.sources[0]


def test_the_twelve_first_class_ones_and_every_class_are_there() -> None:
    grades = [load_board(board_folder(name)).board.grade for name in board_names() if name != "sim"]
    assert grades.count("A") >= 12
    assert set(grades) == set(CLASSES)


def test_the_pages_are_current() -> None:
    command = [sys.executable, ROOT / "tools" / "make_board_pages.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_unsupported_board_says_why_and_is_not_supported() -> None:
    titles = {load_board(board_folder(name)).board.title for name in board_names()}
    for entry in unsupported_boards():
        assert entry.title not in titles
        assert len(entry.reason) > 30


def test_the_board_gets_what_the_firmware_reads_and_nothing_else() -> None:
    tables = parse_board(HALF).device_tables()
    assert tables["board"] == {
        "name": "m5-atoms3-echo-base",
        "chip": "esp32s3",
        "profile": "voice",
        "features": ["half_duplex"],
    }
    assert tables["pins"] == HALF["pins"]
    assert tables["codec"]["setup"][0] == [0x43, 0x07, 0x00]
    assert "sources" not in json.dumps(tables)
    assert "display" not in tables


def changed(base: dict[str, Any], table: str, **changes: Any) -> dict[str, Any]:
    """A copy with changes in one table; None removes a key."""
    values = {**base.get(table, {}), **changes}
    return {**base, table: {key: value for key, value in values.items() if value is not None}}


@pytest.mark.parametrize(
    ("data", "finding"),
    [
        (changed(REFERENCE, "board", chip="esp8266"), r"chip must be one of esp32, .*, is 'esp8266'"),
        (changed(REFERENCE, "board", **{"class": "Z"}), "class must be one of A, B, C, motion, is 'Z'"),
        (changed(REFERENCE, "board", title=None), r"\[board\] title is missing"),
        (changed(REFERENCE, "board", colour="red"), r"\[board\] colour is unknown"),
        (changed(REFERENCE, "board", tried_on_hardware="no"), "tried_on_hardware must be true or false, is 'no'"),
        (changed(REFERENCE, "board", features=["wings"]), "features: 'wings' is unknown"),
        (changed(REFERENCE, "board", sources=[]), "say where the pins are from"),
        (changed(REFERENCE, "image", offset=0x1000), "starts at 0x0 on esp32s3, not at 0x1000"),
        (changed(REFERENCE, "pins", led=60), "led: esp32s3 has no GPIO 60"),
        (changed(REFERENCE, "pins", led=24), "led: esp32s3 has no GPIO 24"),
        (changed(REFERENCE, "pins", led=30), "GPIO 30 belongs to the flash"),
        (changed(REFERENCE, "pins", led=35), "GPIO 35 belongs to the octal PSRAM"),
        (changed(REFERENCE, "pins", led=0), "led: GPIO 0 is button already"),
        (changed(REFERENCE, "pins", mic_ws=None), "mic_sck, mic_sd without mic_ws"),
        (changed(REFERENCE, "pins", led="48"), "led must be a GPIO number, is '48'"),
        (changed(REFERENCE, "board", **{"class": "motion"}), "has neither a microphone nor a speaker"),
        (changed(REFERENCE, "imu", chip="bno999"), "no driver for it"),
        (changed(REFERENCE, "uart", baud=5), "baud must be"),
        (changed(REFERENCE, "led", count=7, width=2), "7 LEDs are not rows of 2"),
        (changed(HALF, "board", features=[]), "share their clock, so it is half_duplex"),
        (changed(HALF, "codec", address=0x99), "address must be 0x8 to 0x77, is 0x99"),
        (changed(HALF, "codec", setup=[[0x43, 300, 0]]), "is not .address, register, value."),
        ({**REFERENCE, "wifi": {}}, r"\[wifi\] is not a table of a board"),
        ({"board": REFERENCE["board"]}, r"\[pins\] is missing"),
    ],
)
def test_a_wrong_definition_is_refused_in_words_that_help(data: dict[str, Any], finding: str) -> None:
    with pytest.raises(BoardError, match=finding):
        parse_board(data)


def test_all_findings_are_told_at_once() -> None:
    with pytest.raises(BoardError) as error:
        parse_board(changed(changed(REFERENCE, "pins", led=60), "image", offset=1))
    assert len(str(error.value).splitlines()) == 2


def test_a_chip_with_one_port_takes_turns() -> None:
    data = tomllib.loads((boards_folder() / "xmini-c3" / "board.toml").read_text())
    apart = changed(data, "pins", spk_sck=0, spk_ws=1)
    with pytest.raises(BoardError, match="has one I2S port, so it is half_duplex"):
        parse_board(changed(apart, "board", features=["neopixel"]))


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"cannot read .*board\.toml"):
        load_board(tmp_path)
    (tmp_path / "board.toml").write_text("[board\n")
    with pytest.raises(BoardError, match=r"board\.toml is not valid TOML"):
        load_board(tmp_path)


def test_a_board_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(BoardError, match=r"no board definition 'toaster'; there are: .*sim"):
        board_folder("toaster")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 400) | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    table=st.sampled_from(["board", "image", "pins", "codec", "imu", "led", "uart", "display"]),
    key=st.sampled_from(["name", "chip", "class", "offset", "led", "setup", "address", "count", "baud", "features"]),
    value=JUNK,
)
def test_junk_is_refused_or_taken_but_never_crashes(table: str, key: str, value: Any) -> None:
    try:
        board = parse_board(changed(REFERENCE, table, **{key: value}))
    except BoardError as error:
        assert str(error)
    else:
        json.dumps(board.device_tables())


def test_every_setting_of_the_firmware_is_in_the_table() -> None:
    source = (ROOT / "firmware" / "posewire_fw" / "config.py").read_text()
    settings = re.findall(r'^    \((?:None|"(\w+)"), "(\w+)", ', source, re.MULTILINE)
    table = (ROOT / "boards" / "README.md").read_text()
    assert len(settings) > 20
    names = [f"{section}.{key}" if section else key for section, key in settings]
    assert [name for name in names if f"`{name}`" not in table] == []
