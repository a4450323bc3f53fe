"""A new board, set up from the page: a stand-in for Web Serial alone; what is at the port's other end is real.

The chip's loader is the one that the real esptool is tested with, the REPL a real MicroPython's, Improv the firmware's.
"""

import asyncio
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from browser.conftest import Watched, picture
from browser.serial_side import SerialSide
from posewire.boards.board_file import load_board
from posewire.boards.folders import board_folder, firmware_folder
from posewire.install.bundle import firmware_files
from posewire.own_command import own_command
from posewire.server.host import Host
from posewire.sim.board import SimBoard
from posewire.sim.interpreter import find_interpreter
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.parts.wifi import PASSWORD, SSID
from posewire.update.settings import UpdateSettings
from riscv.machine import ROOT
from support.hosts import http_url, running, settings
from support.serial.console_port import console_port
from support.serial.rom_loader import RomLoader, make_image
from support.serial.serial_board import SerialBoard

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

BOARD = "esp32-s3-devkitc-1"
PATIENCE = 120_000


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    make_image(folder / "for-s3.bin")
    make_image(folder / "for-c3.bin", chip=5)
    return folder


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """A firmware of a few files: hundreds would take their time."""
    folder = tmp_path / "firmware"
    (folder / "posewire_fw").mkdir(parents=True)
    (folder / "boot.py").write_text("")
    (folder / "main.py").write_text("import posewire_fw.mask\n")
    for name in ("__init__", "mask"):
        shutil.copy(firmware_folder() / "posewire_fw" / f"{name}.py", folder / "posewire_fw")
    return folder


@pytest_asyncio.fixture(loop_scope="module")
async def host(images: Path, firmware: Path) -> AsyncIterator[Host]:
    update = UpdateSettings(micropython=str(images), firmware=str(firmware))
    async with running(replace(settings(), update=update)) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def side(watched: Watched, host: Host) -> SerialSide:
    """The page, at "New board", with a port."""
    serial = SerialSide()
    await serial.install(watched.page)
    await watched.page.goto(http_url(host, "/#/new"))
    await watched.page.get_by_label("The kind of the board").select_option(
        label=load_board(board_folder(BOARD)).board.title
    )
    return serial


async def outcome(page: Page, text: str) -> None:
    await expect(page.get_by_role("status").filter(has_text=text)).to_be_visible(timeout=PATIENCE)


async def test_micropython_is_written_and_compared(watched: Watched, side: SerialSide, images: Path) -> None:
    page = watched.page
    write = page.get_by_role("button", name="Erase it, and write MicroPython")
    with RomLoader() as chip:
        side.plug(chip.port)
        # Without an image there is nothing to begin, and for a wrong one nobody is asked for a port.
        await expect(write).to_be_disabled()
        await page.get_by_role("combobox", name="Image").select_option("for-c3.bin")
        await write.click()
        await outcome(page, "This image is for another chip: ESP32-S3 needs ESP32_GENERIC_S3")
        await expect(page.get_by_role("button", name="Choose its port")).to_be_visible()
        assert side.bauds == []
        await page.get_by_role("combobox", name="Image").select_option("for-s3.bin")
        await write.click()
        await outcome(page, "MicroPython is on it: ESP32-S3")
        image = (images / "for-s3.bin").read_bytes()
        assert chip.flash[: len(image)] == image
        assert chip.flash[len(image) + 4096 :].count(0xFF) == len(chip.flash) - len(image) - 4096
        assert {"requestToSend": True} in side.signals
        assert side.bauds == [115_200, 460_800]
        # What arrives otherwise than it was sent is told.
        await page.get_by_role("combobox", name="Image").select_option("a file of yours")
        await expect(write).to_be_disabled()
        await page.get_by_label("Image file").set_input_files(images / "for-s3.bin")
        chip.damage = True
        await write.click()
        await outcome(page, "What was written is not what was sent")
        await page.screenshot(path=picture("new-board-flash"), full_page=True)
    with RomLoader(chip=5) as other:
        side.plug(other.port)
        await write.click()
        await outcome(page, "Nothing was written")
        assert set(other.flash) == {0x55}


async def test_the_firmware_is_put_on_it(watched: Watched, side: SerialSide, firmware: Path, tmp_path: Path) -> None:
    page = watched.page
    flash = tmp_path / "flash"
    flash.mkdir()
    (flash / "main.py").write_text("while True: pass\n")
    (flash / "mine.txt").write_text("mine")
    put = page.get_by_role("button", name="Put the firmware on it")
    with SerialBoard(flash) as board:
        side.plug(board.port)
        await page.get_by_label("What it is for").select_option("motion")
        await put.click()
        await outcome(page, "files written, 0 were there")
        await page.screenshot(path=picture("new-board-deploy"), full_page=True)
        for file in firmware_files(firmware, find_interpreter().mpy, "motion"):
            assert hashlib.sha256((flash / file.path).read_bytes()).hexdigest() == file.digest, file.path
        assert not list(flash.rglob("*.new"))
        assert (flash / "mine.txt").read_text() == "mine"
        assert f'"name":"{BOARD}"' in (flash / "board.json").read_text()
        (flash / "main.py").write_text("while True: pass\n")
        await put.click()
        await outcome(page, ": 1 files written")


async def test_it_gets_its_network_and_appears(watched: Watched, side: SerialSide, host: Host) -> None:
    page = watched.page
    with (
        SimBoard("ws://posewire.invalid:8000/posewire/v1/", chip=ROOMY_CHIP, config={"wifi": []}, imu=False) as board,
        console_port(board) as port,
    ):
        side.plug(port)
        await page.get_by_role("button", name="Look for networks").click()
        await expect(page.get_by_role("combobox", name="Network")).to_have_value(SSID, timeout=PATIENCE)
        await page.get_by_role("textbox", name="Password").fill("wrong one")
        await page.get_by_role("textbox", name="Host").fill(host.url)
        await page.get_by_role("button", name="Join").click()
        await outcome(page, "could not join the network: is the password right")
        await page.get_by_role("textbox", name="Password").fill(PASSWORD)
        await page.get_by_role("button", name="Join").click()
        await outcome(page, f"is on {SSID}. It goes to its host now.")
        await expect(page.get_by_text(re.compile("There now: .*02:00"))).to_be_visible(timeout=PATIENCE)
        await page.screenshot(path=picture("new-board-wifi"), full_page=True)
        await asyncio.to_thread(board.wait, lambda: board.connected, 30, "the board to connect")


async def test_what_goes_wrong_at_the_port_is_told(watched: Watched, side: SerialSide) -> None:
    page = watched.page
    side.plug("/dev/nowhere")
    await page.get_by_role("button", name="Put the firmware on it").click()
    await outcome(page, "The port does not open")


async def test_a_browser_without_serial_ports_gets_the_commands(watched: Watched, host: Host) -> None:
    page = watched.page
    await page.add_init_script("Object.defineProperty(navigator, 'serial', { value: undefined })")
    await page.goto(http_url(host, "/#/new"))
    await expect(page.get_by_text("This browser gives no page a USB port")).to_be_visible()
    await expect(page.get_by_text(f"{own_command()} deploy --board BOARD")).to_be_visible()
    # The commands are for the kind that is chosen, and those of the warning are those of the first ten minutes.
    await page.get_by_label("The kind of the board").select_option(label=load_board(board_folder(BOARD)).board.title)
    shown = await page.locator("pre").all_text_contents()
    wanted = [
        "init ~/posewire --network",
        "serve --config ~/posewire/posewire.toml",
        f"flash --board {BOARD}",
        f"deploy --board {BOARD}",
        "provision --url ws://posewire.local:8000/posewire/v1/",
    ]
    # The page is looked at on the host's machine: as they stand, a shell there finds the program.
    assert shown == [f"{own_command()} {command}" for command in wanted]
    first_steps = (ROOT / "docs/start.md").read_text()
    assert [command for command in wanted if f"posewire {command}" not in first_steps] == []
