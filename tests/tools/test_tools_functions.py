"""Functions as tools: in threads, and from modules of the user's."""

import asyncio
import threading
from pathlib import Path

import pytest

from posewire.errors import ConfigError
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.functions import FunctionExecutor, load_functions, tool

CONTEXT = ToolContext(device="kitchen")


async def test_a_plain_function_does_not_hold_up_the_loop() -> None:
    go = threading.Event()

    @tool()
    def wait() -> str:
        """Wait for the loop."""
        return "the loop went on" if go.wait(5) else "held up"

    executor = FunctionExecutor([wait])
    call = asyncio.create_task(executor.call("wait", {}, CONTEXT))
    await asyncio.sleep(0)
    go.set()
    assert (await call).text == "the loop went on"
    executor.close()


def test_a_file_of_ones_own_is_loaded_and_a_bad_one_is_named(tmp_path: Path) -> None:
    good, empty, bad = (tmp_path / name for name in ("good.py", "empty.py", "bad.py"))
    good.write_text(
        "from posewire.voice.tools.functions import tool\n"
        "@tool('feed')\ndef feed(portions: int) -> str:\n    '''Feed the cat.'''\n    return 'fed %d' % portions\n"
    )
    empty.write_text("x = 1\n")
    bad.write_text("import nothing_of_that_name\n")
    executor = FunctionExecutor(load_functions([str(good)]))
    assert executor.available()["feed"].description == "Feed the cat."
    for plugin in (str(empty), str(bad), "no.such.module"):
        with pytest.raises(ConfigError, match=r"plugin .*(empty|bad|no\.such)"):
            load_functions([plugin])
    with pytest.raises(ConfigError, match="two tools named feed"):
        FunctionExecutor([*load_functions([str(good)]), *load_functions([str(good)])])
