"""How far work has come, as a line that fits on the terminal."""

import io
import re
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire import progress
from posewire.terminal import columns_of


class Terminal(io.StringIO):
    """A terminal; ``seen`` is set when something that is waited for has been written."""

    def __init__(self, wanted: str = "") -> None:
        super().__init__()
        self._wanted = wanted
        self.seen = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        count = super().write(text)
        if self._wanted and re.search(self._wanted, self.getvalue()):
            self.seen.set()
        return count


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")


@given(st.integers(), st.integers())
def test_a_bar_has_its_width_whatever_is_reported(done: int, total: int) -> None:
    assert len(progress.bar(done, total)) == len(progress.bar(0, 1))
    assert 0 <= progress.percent(done, total) <= 100


def test_progress_says_that_it_is_done_where_it_has_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Progress("copying", 10) as shown:
        shown.show(5, "a file")
    assert capsys.readouterr() == ("", "copying: done\n")
    with progress.Progress("copying", 10, quiet=True):
        pass
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("plain")
def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", out := Terminal())
    with progress.Progress("copying", 2) as shown:
        shown.show(1, "a\x1b[2J")
    assert out.getvalue() == f"\r\x1b[Kcopying {'█' * 14}{'·' * 14}  50 % a\\x1b[2J\n"


@pytest.mark.usefixtures("plain")
def test_a_step_that_takes_long_shows_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", out := Terminal(r"loading \d+ s"))
    with progress.meanwhile("loading"):
        assert out.seen.wait(30)
    assert out.getvalue().endswith("\r\x1b[K"), "what only bridges a wait is taken away"


@pytest.mark.usefixtures("plain")
def test_other_output_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", out := Terminal())
    with progress.meanwhile("checking", 2) as shown:
        shown.show(1)
        shown.hide()
        out.write("found\n")
    assert out.getvalue().endswith("\r\x1b[Kfound\n")


def test_a_wait_shows_nothing_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.meanwhile("loading", 2) as shown:
        shown.show(1)
    assert capsys.readouterr() == ("", "")


@given(columns=st.integers(20, 120), before=st.text("ab一 ", max_size=60), after=st.text("ab一", max_size=60))
def test_the_figure_is_on_the_narrowest_line(columns: int, before: str, after: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        line = progress.bar_line(before, 12, 300, "12 of 300 KiB", after)
    head, figure, _ = line.partition("12 of 300 KiB")
    assert figure
    assert columns_of(head + figure) < columns
    if columns >= 80 and columns_of(before) < 30:
        assert "·" in head


def test_a_bar_becomes_shorter_before_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, expected in (
        (60, "sending ██████████████··············  50 % a file"),
        (40, "sending █████████·········  50 % a file"),
        (30, "sending ████····  50 % a file"),
        (20, "sending  50 % a file"),
        (10, "se…  50 % a file"),
    ):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert progress.bar_line("sending", 1, 2, " 50 %", "a file") == expected
