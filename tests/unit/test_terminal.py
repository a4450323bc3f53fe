"""The one place through which all output of commands goes."""

import ast
import io
import os
import pty
import sys
import termios
from pathlib import Path

import pytest
import segno

from posewire import terminal

PACKAGE = Path(terminal.__file__).parent

CHILDREN = {"bench/relay_load.py", "bench/relay_servers.py", "bench/talk_backends.py", "bench/talk_load.py"}
"""Programs whose output another program reads."""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_command_writes_past_it() -> None:
    past = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if "/micropython/" in name or name == "terminal.py" or name in CHILDREN or name == "sim/fixtures.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                to_terminal = any(
                    isinstance(arg, ast.Attribute) and ast.unparse(arg) == "sys.stdout" for arg in node.args
                )
                if called in ("print", "sys.stdout.write", "sys.stderr.write") or (
                    called == "json.dump" and to_terminal
                ):
                    past.append(f"{name}:{node.lineno}")
    assert past == []


def test_a_line_of_a_peer_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show("name\n\x1b[31mforged")
    assert capsys.readouterr().out == "name\\n\\x1b[31mforged\n"
    terminal.show_text("two\nlines\x1b[0m")
    assert capsys.readouterr().out == "two\nlines\\x1b[0m\n"
    terminal.warn("no room\nposewire: forged")
    assert capsys.readouterr().err == "posewire: no room\n  posewire: forged\n"


def test_what_the_encoding_lacks_is_escaped() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    terminal.show("█ Ä", out=out)
    assert raw.getvalue() == b"\\u2588 \\xc4\n"


def test_colours_are_for_terminals_and_not_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def shown(out: io.StringIO) -> str:
        terminal.show("bad", style="red", out=out)
        return out.getvalue()

    assert shown(Terminal()) == "\x1b[31mbad\x1b[0m\n"
    assert shown(io.StringIO()) == "bad\n"
    monkeypatch.setenv("TERM", "dumb")
    assert shown(Terminal()) == "bad\n"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown(Terminal()) == "bad\n"


def test_a_changing_line_is_one_line_on_a_terminal_and_a_line_for_each_step_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for out, expected in (
        (Terminal(), "\r\x1b[Ksending 1\r\x1b[Ksending 2\r\x1b[Kdone\\r\n"),
        (io.StringIO(), "sending 1\ndone\\r\n"),
    ):
        with terminal.LiveLine(out) as line:
            line.show("sending 1", "sending")
            line.show("sending 2", "sending")
            line.show("done\r", "done")
        assert out.getvalue() == expected


def test_a_qr_code_has_the_modules_of_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal.show_qr("http://192.168.1.10:8000/")
    dark = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    rows: list[list[int]] = []
    for line in shown.getvalue().splitlines():
        rows += [[dark[char][half] for char in line] for half in (0, 1)]
    wanted = [list(row) for row in segno.make("http://192.168.1.10:8000/", error="l").matrix_iter(border=2)]
    assert rows[: len(wanted)] == wanted
    assert not any(any(row) for row in rows[len(wanted) :])


def test_a_terminal_without_blocks_gets_no_qr_code(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    terminal.show_qr("http://192.168.1.10:8000/")
    assert raw.getvalue() == b""


def test_what_is_done_is_green(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with terminal.LiveLine(out := Terminal()) as line:
        line.show("sending ██·· 50 %")
    assert out.getvalue() == "\r\x1b[Ksending \x1b[32m██\x1b[0m·· 50 %\n"
    monkeypatch.setenv("NO_COLOR", "1")
    with terminal.LiveLine(out := Terminal()) as line:
        line.show("sending ██·· 50 %")
    assert out.getvalue() == "\r\x1b[Ksending ██·· 50 %\n"


def test_the_size_is_that_of_the_terminal_that_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb", buffering=0), os.fdopen(follower, "w") as out:
        termios.tcsetwinsize(out.fileno(), (10, 33))
        assert terminal.screen_size(out) == (33, 10)
        assert terminal.screen_size(io.StringIO()) == (80, 24)
        monkeypatch.setenv("COLUMNS", "50")
        assert terminal.screen_size(out) == (50, 10)


def test_a_changing_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "10")
    with terminal.LiveLine(out := Terminal()) as line:
        line.show("one two three")
        line.show("一二三四五六")
    assert out.getvalue() == "\r\x1b[Kone two t\r\x1b[K一二三四\n"
