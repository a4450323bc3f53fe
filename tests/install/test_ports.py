"""Choosing a port, monitoring one, and the doctor's look at one."""

import contextlib
import io
import json
import os
import pty
import threading
import time
import tty
from pathlib import Path

import pytest

from posewire.cli import main
from posewire.errors import InstallError
from posewire.install import monitor_command, repl
from posewire.install.repl import open_patiently, port_problem
from posewire.install.serial_ports import Port, choose_port
from support.serial.serial_board import SerialBoard


def test_the_only_board_is_taken_and_none_or_several_are_told() -> None:
    one = Port("/dev/ttyACM0", "the chip's own USB", True)
    two = Port("/dev/ttyUSB0", "CP210x", False)
    assert choose_port(None, [one]) == "/dev/ttyACM0"
    assert choose_port("COM7", []) == "COM7"
    with pytest.raises(InstallError, match="data cable"):
        choose_port(None, [])
    with pytest.raises(InstallError, match=r"/dev/ttyACM0 \(the chip's own USB\), /dev/ttyUSB0 \(CP210x\)"):
        choose_port(None, [one, two])


def test_why_a_port_cannot_be_opened() -> None:
    assert "dialout" in port_problem("p", OSError(13, "Permission denied"))
    assert "another program" in port_problem("p", OSError(16, "Device or resource busy"))
    assert "plugged in" in port_problem("p", OSError(2, "No such file"))


def test_the_log_is_shown_by_level_and_packets_are_not(serial_board: SerialBoard, tmp_path: Path) -> None:
    (serial_board.flash / "main.py").write_text(
        "import time, sys\nfor n in range(400):\n"
        " print('%5d.000 I wifi  joined' % n)\n print('%5d.000 E mic  silent' % n)\n"
        " sys.stdout.write('IMPROV\\x01\\x01\\x01\\x02\\x00\\n')\n print('plain')\n time.sleep(0.05)\n"
    )
    serial_board.pull_the_plug()
    saved = tmp_path / "log"
    options = ["monitor", "--port", serial_board.port, "--level", "warning", "--for", "1.5", "--save", str(saved)]
    assert main(options) == 0
    lines = saved.read_text().splitlines()
    assert any("E mic  silent" in line for line in lines)
    assert "plain" in lines
    assert not [line for line in lines if "joined" in line or "IMPROV" in line]


def test_a_line_that_does_not_end_is_shown(serial_board: SerialBoard, tmp_path: Path) -> None:
    (serial_board.flash / "main.py").write_text(
        "import sys, time\nwhile True:\n sys.stdout.write('your name? ')\n time.sleep(1)\n"
        " sys.stdout.write('\\x1b[2J\\n')\n"
        " sys.stdout.write('    2.000 D mic  quiet ')\n time.sleep(1)\n print('end')\n"
    )
    serial_board.pull_the_plug()
    shown: list[str] = []
    out = io.StringIO()
    screen = monitor_command.Screen(1, out)
    for piece in monitor_command.pieces(serial_board.port, lambda: out.getvalue().count("name? \\x1b[2J\n") > 1):
        screen.show(piece)
        shown.append(out.getvalue())
    assert any(text.endswith("your name? ") for text in shown)
    assert "quiet" not in out.getvalue()
    assert "end" not in out.getvalue()


def test_a_program_reads_lines_as_objects(capsys: pytest.CaptureFixture[str]) -> None:
    objects = monitor_command.Objects(1)
    for piece in (
        monitor_command.Piece("    0.125 I app: posewire on sim"),
        monitor_command.Piece("    0.250 D mic: quiet"),
        monitor_command.Piece("    1.5", ends=False),
        monitor_command.Piece("00 E link: \x1b[2Jbroken", begins=False),
        monitor_command.Piece("MicroPython v1.26.1"),
    ):
        objects.show(piece)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"time": 0.125, "level": "info", "text": "app: posewire on sim"},
        {"time": 1.5, "level": "error", "text": "link: \x1b[2Jbroken"},
        {"text": "MicroPython v1.26.1"},
    ]


def test_a_board_that_never_stops_printing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    cable, far_end = pty.openpty()
    tty.setraw(far_end)
    over = threading.Event()

    def print_for_ever() -> None:
        os.set_blocking(cable, False)
        while not over.is_set():
            with contextlib.suppress(BlockingIOError):
                os.write(cable, b"x" * 100)
            with contextlib.suppress(BlockingIOError):
                os.read(cable, 1000)

    board = threading.Thread(target=print_for_ever)
    board.start()
    monkeypatch.setattr(repl, "_ENTER_SECONDS", (0.5, 0.5, 0.5))
    began = time.monotonic()
    try:
        with pytest.raises(InstallError, match="does not give its REPL"), repl.open_repl(os.ttyname(far_end)):
            pass
        assert time.monotonic() - began < 3 * 0.5 + 5
    finally:
        over.set()
        board.join()
        os.close(cable)
        os.close(far_end)


def test_a_line_has_the_colour_of_its_level_on_a_terminal_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, file = Terminal(), io.StringIO()
    for out in (terminal, file):
        screen = monitor_command.Screen(0, out)
        screen.show(monitor_command.Piece("  1.000 E mic  silent"))
        screen.show(monitor_command.Piece("plain"))
    assert terminal.getvalue() == "\x1b[31m  1.000 E mic  silent\x1b[0m\nplain\n"
    assert file.getvalue() == "  1.000 E mic  silent\nplain\n"


def test_a_board_that_is_plugged_in_anew_is_found_again(tmp_path: Path) -> None:
    """The port is a link, as udev makes them: it goes away with the board and comes back with it."""
    link = tmp_path / "board"
    flash = tmp_path / "flash"
    flash.mkdir()
    (flash / "main.py").write_text("import time\nwhile True:\n print('alive')\n time.sleep(0.02)\n")
    seen: list[str] = []
    over = threading.Event()

    def watch() -> None:
        for line, *_ in monitor_command.pieces(str(link), over.is_set):
            seen.append(line)

    def wait_for(text: str, since: int = 0) -> int:
        deadline = time.monotonic() + 20
        while text not in " ".join(seen[since:]):
            assert time.monotonic() < deadline, seen[-5:]
            time.sleep(0.01)
        return len(seen)

    with SerialBoard(flash) as board:
        link.symlink_to(board.port)
        watcher = threading.Thread(target=watch)
        watcher.start()
        wait_for("alive")
        link.unlink()
    at = wait_for("is gone")
    with SerialBoard(flash) as board:
        link.symlink_to(board.port)
        wait_for("is back", at)
        wait_for("alive", at)
        over.set()
        watcher.join(20)
    assert not watcher.is_alive()


def findings(port: str, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[bool, str]]:
    main(["doctor", port, "--json"])
    return {entry["name"]: (entry["fine"], entry["text"]) for entry in json.loads(capsys.readouterr().out)}


def test_the_doctor_looks_at_an_empty_board(serial_board: SerialBoard, capsys: pytest.CaptureFixture[str]) -> None:
    found = findings(serial_board.port, capsys)
    assert found["micropython"][0]
    assert found["files"] == (False, "no firmware: posewire deploy --board NAME")
    assert not found["board"][0]


def test_the_doctor_reads_board_and_crash(serial_board: SerialBoard, capsys: pytest.CaptureFixture[str]) -> None:
    flash = serial_board.flash
    (flash / "posewire_fw").mkdir()
    (flash / "posewire_fw" / "__init__.py").write_text("__version__ = '9.9'\n")
    (flash / "main.py").write_text("")
    (flash / "board.json").write_text('{"board": {"name": "mine"}}')
    (flash / "crash.txt").write_text("Traceback\nValueError: the end\n")
    found = findings(serial_board.port, capsys)
    assert found["files"] == (True, "posewire 9.9")
    assert found["board"] == (True, "mine")
    assert found["crash"] == (False, "ValueError: the end")


def test_the_doctor_tells_of_a_port_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "/dev/nowhere"]) == 1
    assert "there is no port /dev/nowhere: is the board plugged in?" in capsys.readouterr().out


def test_a_port_that_is_not_free_yet_is_tried_again(serial_board: SerialBoard) -> None:
    tries = []

    def opened() -> str:
        tries.append(serial_board.port)
        if len(tries) < 3:
            raise OSError("permission denied")
        return "open"

    assert open_patiently(serial_board.port, opened) == "open"
    with pytest.raises(InstallError, match="plugged in"):
        open_patiently(serial_board.port + "x", lambda: tries[99])
