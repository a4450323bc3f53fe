"""esptool as a process of its own: its command lines and its output."""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from posewire.boards.chips import CHIPS
from posewire.boards.definition import BoardDefinition
from posewire.errors import InstallError
from posewire.install.serial_ports import missing_extra

# Not "Chip type", which names the package: ESP32-D0WD-V3.
_CHIP_LINE = re.compile(r"Connected to (ESP\S+) on ")
_FEATURES = re.compile(r"Features:\s+(.*)")
_FLASH = re.compile(r"Detected flash size: (\S+)")
_PSRAM = re.compile(r"PSRAM (\d+)\s?MB")

# What is in esptool's output, and what to do about it.
_ADVICE = (
    ("No serial data received", "hold BOOT, press RESET, let go of BOOT, and try again"),
    ("Failed to connect", "hold BOOT, press RESET, let go of BOOT, and try again; a charging cable does not do"),
    ("Permission denied", "on Linux: sudo usermod -aG dialout $USER, then log in again"),
    ("port is busy", "is the board plugged in, and no other program (a monitor, an editor) at its port?"),
    ("doesn't match", "what was written is not what was sent: another cable, or a lower --baud"),
    ("MD5 of file does not match", "what was written is not what was sent: another cable, or a lower --baud"),
    ("lost connection", "another cable, or a lower --baud"),
)


@dataclass(frozen=True)
class Detected:
    """The chip that esptool found: its name as in board.toml (empty: unknown), PSRAM in MB, flash size."""

    chip: str
    name: str
    psram: int
    flash: str


def detect_command(port: str) -> list[str]:
    """Return the command that asks for the chip and leaves it in its loader, for the next command."""
    return ["--port", port, "--after", "no-reset", "flash-id"]


def write_command(port: str, chip: str, baud: int, offset: int, image: Path, erase: bool) -> list[str]:
    """Return the command that writes an image, which esptool verifies by MD5, and starts the board."""
    erases = ["--erase-all"] if erase else []
    return [
        "--chip", chip, "--port", port, "--baud", str(baud), "--after", "hard-reset",
        "write-flash", *erases, hex(offset), str(image),
    ]  # fmt: skip


def run_esptool(arguments: Sequence[str], on_text: Callable[[str], None] = lambda text: None) -> str:
    """Run esptool; ``on_text`` gets its output as it comes. Returns the whole output.

    Raises:
        InstallError: esptool is not installed, or failed; the message names the remedy.
    """
    if find_spec("esptool") is None:
        raise missing_extra("esptool")
    output = ""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "esptool", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        while text := process.stdout.read(64):
            output += text
            on_text(text)
    if process.returncode:
        raise InstallError(failure(output))
    return output


def failure(output: str) -> str:
    """Return the message for a failure of esptool, from its output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if "rror" in line), lines[-1] if lines else "nothing")
    advice = next((advice for sign, advice in _ADVICE if sign in output), "")
    return f"esptool: {said.removeprefix('ERROR: ').removeprefix('A fatal error occurred: ')}" + (
        f" - {advice}" if advice else ""
    )


def parse_detected(output: str) -> Detected:
    """Read the output of ``flash-id``. Raises InstallError when it does not name a chip."""
    found = _CHIP_LINE.search(output)
    if found is None:
        raise InstallError(f"esptool does not name the chip: {output.strip()[-200:]}")
    name = found[1]
    chip = next((chip.name for chip in CHIPS.values() if chip.esptool == name), "")
    features = _FEATURES.search(output)
    psram = _PSRAM.search(features[1]) if features else None
    flash = _FLASH.search(output)
    return Detected(chip, name, int(psram[1]) if psram else 0, flash[1] if flash else "")


def check_detected(detected: Detected, board: BoardDefinition) -> list[str]:
    """Check that the chip is the board's; returns warnings about its memory. Raises InstallError for another chip."""
    if detected.chip != board.board.chip:
        raise InstallError(
            f"{board.board.name} has an {board.chip.esptool}, but an {detected.name} is on this port: "
            "check the name of the board and the port. Nothing was written."
        )
    warnings = []
    octal = board.image.variant == "SPIRAM_OCT"
    # The chips with 8 MB and more inside have it octal.
    if detected.chip == "esp32s3" and octal and 0 < detected.psram < 8:
        warnings.append("the chip's PSRAM is not octal: this image would not find it; take the plain image")
    if detected.chip == "esp32s3" and not octal and detected.psram >= 8:
        warnings.append("the chip has octal PSRAM, which this image does not use: consider the variant SPIRAM_OCT")
    return warnings
