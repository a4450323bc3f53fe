"""Flashing: the real esptool against a chip's loader on a socket, and its own parser for our command lines."""

import functools
import http.server
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import esptool
import pytest

from posewire.boards.board_file import load_board
from posewire.boards.folders import board_folder, board_names
from posewire.cli import main
from posewire.errors import InstallError
from posewire.install.esptool import (
    Detected,
    check_detected,
    detect_command,
    failure,
    parse_detected,
    run_esptool,
    write_command,
)
from posewire.install.image import check_image, find_image, image_url
from support.serial.rom_loader import RomLoader, make_image

BOARD = load_board(board_folder("esp32-s3-devkitc-1"))
PLAIN = load_board(board_folder("m5-atoms3-echo-base"))


def flash(port: str, image: Path, *options: str) -> int:
    return main(["flash", "--board", BOARD.board.name, "--port", port, "--image", str(image), *options])


def test_an_image_gets_where_it_belongs_and_everything_else_is_erased(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_image(tmp_path / "image.bin")
    with RomLoader() as chip:
        assert flash(chip.port, image, "--yes", "--json") == 0
        size = image.stat().st_size
        assert chip.flash[:size] == image.read_bytes()
        assert set(chip.flash[size:]) == {0xFF}
    assert json.loads(capsys.readouterr().out)["chip"] == "esp32s3"


def test_keep_leaves_the_rest_of_the_flash(tmp_path: Path) -> None:
    image = make_image(tmp_path / "image.bin")
    with RomLoader() as chip:
        assert flash(chip.port, image, "--keep") == 0
        assert chip.flash[-1] == 0x55


def test_another_chip_is_found_out_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_image(tmp_path / "image.bin")
    with RomLoader(chip=5) as chip:
        assert flash(chip.port, image, "--yes") == 2
        assert set(chip.flash) == {0x55}
    assert "has an ESP32-S3, but an ESP32-C3 is on this port" in capsys.readouterr().err


def test_flash_that_does_not_hold_what_was_written_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = make_image(tmp_path / "image.bin")
    with RomLoader() as chip:
        chip.damage = True
        assert flash(chip.port, image, "--yes", "--json") == 2
    assert "esptool: " in capsys.readouterr().err


def test_erasing_wants_a_yes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flash("/dev/null", make_image(tmp_path / "image.bin"), "--json") == 2
    assert "add --yes, or --keep" in capsys.readouterr().err


def test_a_dry_run_needs_no_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flash", "--board", "esp32-devkit", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "https://micropython.org/resources/firmware/ESP32_GENERIC-20250911-v1.26.1.bin" in said
    assert "write-flash --erase-all 0x1000" in said


def test_a_port_that_is_not_there_is_told_with_what_to_do() -> None:
    with pytest.raises(InstallError, match=r"Could not open /dev/nowhere.* - is the board plugged in"):
        run_esptool(detect_command("/dev/nowhere"))


@pytest.mark.parametrize("name", [name for name in board_names() if name != "sim"])
@pytest.mark.parametrize("erase", [True, False])
def test_esptools_own_parser_takes_every_command_line(name: str, erase: bool, tmp_path: Path) -> None:
    board = load_board(board_folder(name))
    image = tmp_path / "image.bin"
    image.write_bytes(b"x")
    for arguments in (
        detect_command("/dev/ttyACM0"),
        write_command("/dev/ttyACM0", board.board.chip, 460800, board.image.offset, image, erase),
    ):
        esptool.cli._esp = None  # as its main() does
        group = esptool.cli.make_context("esptool", list(arguments))
        _, command, rest = esptool.cli.resolve_command(group, [*group._protected_args, *group.args])
        context = command.make_context(command.name, list(rest), parent=group)
        if command.name == "write-flash":
            assert context.params["erase_all"] is erase
            ((offset, _),) = context.params["addr_filename"]
            assert offset == board.image.offset


# images


@pytest.mark.parametrize(("number", "chip"), [(0, "esp32"), (2, "esp32s2"), (5, "esp32c3"), (9, "esp32s3")])
def test_an_image_says_what_chip_it_is_for_and_esptool_agrees(number: int, chip: str, tmp_path: Path) -> None:
    image = make_image(tmp_path / "image.bin", number)
    assert check_image(image, None) == chip
    done = subprocess.run(
        [sys.executable, "-m", "esptool", "image-info", image], capture_output=True, text=True, check=True
    )
    named = re.search(r"Detected image type: (\S+)", done.stdout)
    assert named is not None
    assert named[1].lower().replace("-", "") == chip


def test_images_that_are_none_or_for_another_chip(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"image\.bin is for ESP32-C3, and .* has an ESP32-S3"):
        check_image(make_image(tmp_path / "image.bin", 5), BOARD)
    with pytest.raises(InstallError, match="too few for a MicroPython image"):
        check_image(make_image(tmp_path / "image.bin", 9, 1000), BOARD)
    (tmp_path / "page.bin").write_bytes(b"<!DOCTYPE html><html>")
    with pytest.raises(InstallError, match="no ESP32 image"):
        check_image(tmp_path / "page.bin", BOARD)
    with pytest.raises(InstallError, match="there is no image"):
        find_image(str(tmp_path / "nothing.bin"))


def test_an_image_is_downloaded_once_and_only_if_it_is_one(tmp_path: Path) -> None:
    site, cache = tmp_path / "site", tmp_path / "cache"
    site.mkdir()
    make_image(site / "good.bin")
    (site / "page.bin").write_text("<html>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        first = find_image(f"{url}/good.bin", cache)
        with pytest.raises(InstallError, match="no ESP32 image"):
            find_image(f"{url}/page.bin", cache)
        server.shutdown()
    assert first.read_bytes() == (site / "good.bin").read_bytes()
    assert find_image(f"{url}/good.bin", cache) == first
    assert [path.name for path in cache.iterdir()] == ["good.bin"]


def test_a_download_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="download it yourself"):
        find_image("http://127.0.0.1:9/ESP32.bin", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_variant_is_in_the_name_of_the_image() -> None:
    assert image_url(BOARD, "V").endswith("/ESP32_GENERIC_S3-SPIRAM_OCT-V.bin")
    assert image_url(PLAIN, "V").endswith("/ESP32_GENERIC_S3-V.bin")


# esptool's output

OUTPUT = """Connected to ESP32-S3 on /dev/ttyACM0:
Chip type:          ESP32-S3 (QFN56) (revision v0.2)
Features:           Wi-Fi, BT 5 (LE), Dual Core + LP Core, 240MHz, Embedded PSRAM 8MB (AP_3v3)
Detected flash size: 16MB
"""


def test_what_esptool_says_is_understood() -> None:
    assert parse_detected(OUTPUT) == Detected("esp32s3", "ESP32-S3", 8, "16MB")
    assert parse_detected("Connected to ESP32 on COM3:\nChip type:          ESP32-D0WD-V3\n").chip == "esp32"
    assert parse_detected("Connected to ESP32-H2 on COM3:\n").chip == ""
    with pytest.raises(InstallError, match="does not name the chip"):
        parse_detected("nonsense")


def test_the_wrong_image_for_the_memory_is_noted() -> None:
    assert check_detected(parse_detected(OUTPUT), BOARD) == []
    assert "consider the variant SPIRAM_OCT" in check_detected(parse_detected(OUTPUT), PLAIN)[0]
    assert "not octal" in check_detected(parse_detected(OUTPUT.replace("8MB (", "2MB (")), BOARD)[0]


def test_a_failure_says_what_to_do() -> None:
    said = failure("Connecting....\nA fatal error occurred: Failed to connect to ESP32-S3: No serial data received.\n")
    assert "hold BOOT, press RESET" in said
    assert failure("") == "esptool: nothing"
