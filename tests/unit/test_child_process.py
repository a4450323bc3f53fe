"""Child processes that do not behave: they flood, hang, leave children behind, or ignore their input."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from posewire.child_process import ChildProcess, ProgramOutput, run_program, run_program_blocking
from support.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shell scripts, and /proc")
HOLDER = "sleep 60 & echo $! >&2; "
"""Leaves a child that holds the pipes, and tells its number."""


async def shell(script: str, text: bytes = b"", within: float = 20.0, max_output: int = 100_000) -> ProgramOutput:
    return await run_program("/bin/sh", "-c", script, text=text, within=within, max_output=max_output)


def runs(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except FileNotFoundError:
        return False


async def test_output_errors_and_exit_code() -> None:
    assert await shell("cat; echo no >&2; exit 3", b"yes") == ProgramOutput(b"yes", b"no\n", 3)


async def test_a_flood_ends_the_program() -> None:
    with pytest.raises(ValueError, match="more than 100000 bytes"):
        await shell("yes")


async def test_a_flood_of_errors_is_read_and_dropped() -> None:
    done = await shell("head -c 1000000 /dev/zero >&2; echo done")
    assert done.stdout == b"done\n"
    assert len(done.stderr) == 4096


async def test_input_that_is_not_read_is_no_failure() -> None:
    assert (await shell("echo done", b"x" * 1_000_000)).stdout == b"done\n"


async def test_a_child_that_holds_the_pipe_is_not_waited_for_and_is_ended() -> None:
    began = time.monotonic()
    done = await shell(HOLDER + "echo done")
    assert time.monotonic() - began < 10
    assert done.stdout == b"done\n"
    await eventually(lambda: not runs(int(done.stderr)))


@pytest.mark.parametrize("leader", ["sleep 60", "trap '' TERM; sleep 60", "setsid sleep 60"])
async def test_a_program_that_takes_too_long_is_ended_with_its_children(leader: str) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await shell(HOLDER + leader, within=0.3)
    assert time.monotonic() - began < 10


async def test_cancelling_returns_and_leaves_no_process_and_no_task() -> None:
    before = asyncio.all_tasks()
    child = await ChildProcess.start("/bin/sh", "-c", HOLDER + "sleep 60", errors=True)
    assert child.stderr is not None
    held = int(await child.stderr.readline())
    running = asyncio.create_task(shell(HOLDER + "sleep 60"))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(10):
            await running
    await child.end()
    assert child.returncode == -signal.SIGKILL
    await eventually(lambda: not runs(held))
    await eventually(lambda: asyncio.all_tasks() <= before)


async def test_cancelling_a_start_does_not_wait_for_who_holds_the_pipes() -> None:
    for turns in range(6):
        starting = asyncio.create_task(shell(HOLDER + "sleep 60"))
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(10):
                await starting


async def test_a_stopped_process_is_ended_and_a_willing_one_may_end_itself() -> None:
    stopped = await ChildProcess.start("/bin/cat")
    os.kill(stopped.pid, signal.SIGSTOP)
    async with asyncio.timeout(10):
        await stopped.end(grace=0.1)
    assert stopped.returncode == -signal.SIGKILL
    willing = await ChildProcess.start("/bin/sh", "-c", "cat >/dev/null; exit 7")
    await willing.end(grace=10)
    assert willing.returncode == 7


async def test_the_same_from_a_thread_and_within_a_running_loop() -> None:
    done = run_program_blocking("/bin/sh", "-c", "echo done", within=20, max_output=1000)
    assert done.stdout == b"done\n"
    with pytest.raises(TimeoutError):
        run_program_blocking("/bin/sh", "-c", HOLDER + "sleep 60", within=0.2, max_output=1000)
    with pytest.raises(FileNotFoundError):
        run_program_blocking("/no/such/program", within=0.2, max_output=1000)
