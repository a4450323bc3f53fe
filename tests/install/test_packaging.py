"""The other ways to the board: mip, freezing, ROMFS, release archives; and one version everywhere."""

import functools
import hashlib
import http.server
import json
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

from support.serial.serial_board import SerialBoard

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"


def run(*command: str | Path) -> str:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_one_version_stands_everywhere_and_mip_lists_every_file() -> None:
    run(ROOT / "tools" / "stamp_version.py", "--check")


def test_mip_installs_all_of_it(serial_board: SerialBoard) -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(FIRMWARE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/package.json"
        run("-m", "mpremote", "connect", serial_board.port, "mip", "install", "--target", ".", url)
        server.shutdown()
    for name, _ in json.loads((FIRMWARE / "package.json").read_text())["urls"]:
        assert (serial_board.flash / name).read_bytes() == (FIRMWARE / name).read_bytes(), name


def test_the_manifest_names_what_there_is() -> None:
    named: dict[str, object] = {}
    functions = {
        "metadata": lambda **facts: named.update(facts),
        "include": lambda path: named.update(include=path),
        "package": lambda name, opt: named.update(package=name),
    }
    exec((FIRMWARE / "manifest.py").read_text(), functions)
    assert (FIRMWARE / str(named["package"]) / "app.py").is_file()
    assert named["include"] == "$(PORT_DIR)/boards/manifest.py"


def test_release_archives_hold_what_they_say(tmp_path: Path) -> None:
    run(ROOT / "tools" / "make_firmware_release.py", tmp_path)
    archives = sorted(tmp_path.glob("*.zip"))
    assert [path.stem.rpartition("-")[2] for path in archives] == ["rv32imc", "xtensawin"]
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            sums = dict(reversed(line.split("  ")) for line in archive.read("sha256sums.txt").decode().splitlines())
            assert {"main.py", "posewire_fw/app.mpy"} <= set(sums)
            for name, digest in sums.items():
                assert hashlib.sha256(archive.read(name)).hexdigest() == digest


def test_mpremote_makes_a_romfs_image_of_an_archive(tmp_path: Path) -> None:
    """From source it cannot: it does not say which chip's machine code it wants."""
    run(ROOT / "tools" / "make_firmware_release.py", tmp_path)
    with zipfile.ZipFile(next(tmp_path.glob("*-xtensawin.zip"))) as archive:
        archive.extractall(tmp_path / "rom", [name for name in archive.namelist() if name.startswith("posewire_fw/")])
    image = tmp_path / "firmware.romfs"
    run("-m", "mpremote", "romfs", "-o", image, "build", tmp_path / "rom")
    assert image.stat().st_size > 50_000
    assert b"websocket.mpy" in image.read_bytes()


def test_the_bmi270s_configuration_is_taken_out_of_its_driver(tmp_path: Path) -> None:
    values = ", ".join(f"0x{n & 255:02x}" for n in range(8192))
    source = tmp_path / "bmi270.c"
    source.write_text(f"/* c */ const uint8_t bmi270_config_file[] = {{\n  {values}\n}};\nint other[] = {{ 1 }};\n")
    run(ROOT / "tools" / "extract_bmi270.py", source, tmp_path / "bmi270.bin")
    assert (tmp_path / "bmi270.bin").read_bytes() == bytes(n & 255 for n in range(8192))
    source.write_text("const uint8_t bmi270_config_file[] = { 0x01 };")
    command = [sys.executable, ROOT / "tools" / "extract_bmi270.py", source, tmp_path / "no.bin"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    assert not (tmp_path / "no.bin").exists()
