"""Child processes whose every wait, output and end is bounded.

A child gets a session of its own, so that what it has started itself can be ended with it. None of this relies on the
end of a pipe: a grandchild that keeps the pipe open holds up nobody.
"""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import posewire

_KILLED_WITHIN = 2.0
"""Longest wait for a killed process, in seconds; one that waits for a dead disk cannot be killed now."""

_LAST_OUTPUT = 0.5
"""Longest wait for the rest of the output after the process has ended, in seconds: somebody else holds the pipe."""

_STREAM_LIMIT = 64 * 1024
_MAX_ERRORS = 4096
"""Bytes of standard error that are kept; the rest is read and dropped."""


def child_environment() -> dict[str, str]:
    """Return the environment in which a child process finds this very package."""
    here = str(Path(posewire.__file__).parent.parent)
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", ""))))}


class _Streams(SubprocessStreamProtocol):
    """Notes the end of the process itself: ``Process.wait`` of some versions waits for the ends of its pipes, too."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(_STREAM_LIMIT, loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class ChildProcess:
    """A running program with pipes to its standard input and output. Whoever starts it must ``end`` it."""

    def __init__(self, process: Process, transport: asyncio.SubprocessTransport, exited: asyncio.Event) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin = process.stdin
        self.stdout = process.stdout
        self.stderr = process.stderr
        """None where the child writes to this process's own."""

        self.pid = process.pid
        self._process = process
        self._transport = transport
        self._exited = exited

    @classmethod
    async def start(
        cls, *command: str, environment: Mapping[str, str] | None = None, errors: bool = False
    ) -> "ChildProcess":
        """Start a program; ``errors``: with a pipe from its standard error.

        Raises:
            OSError: it cannot be started.
        """
        loop = asyncio.get_running_loop()

        async def begin() -> "ChildProcess":
            transport, protocol = await loop.subprocess_exec(
                lambda: _Streams(loop),
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE if errors else None,
                env=environment,
                start_new_session=True,
            )
            return cls(Process(transport, protocol, loop), transport, protocol.exited)

        # Cancelled in its middle, asyncio waits for the ends of the pipes, which a grandchild may hold for long.
        beginning = asyncio.create_task(begin())
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                await (await beginning).end()
            raise

    @property
    def returncode(self) -> int | None:
        """The exit code; None while the program runs, negative after a signal."""
        return self._process.returncode

    async def ended(self, within: float) -> bool:
        """Wait until the program has ended; False when it has not after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._exited.wait()
        return self.returncode is not None

    async def end(self, grace: float = 0.0) -> None:
        """Close its input, kill it and everything it has started unless it ends within ``grace`` seconds, and reap it.

        Returns in any case, after at most ``grace`` and 2 s.
        """
        self.stdin.close()
        try:
            if grace and self.returncode is None:
                await self.ended(grace)
        finally:
            self.kill()
            try:
                if self.returncode is None:
                    await self.ended(_KILLED_WITHIN)
            finally:
                self._transport.close()

    def terminate(self) -> None:
        """Ask the program to end, without waiting."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """Kill the program and everything in its session, without waiting."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                # After its own end the group's number is certain only while somebody of the group holds a pipe.
                if self.returncode is None or not all(pipe.at_eof() for pipe in (self.stdout, self.stderr) if pipe):
                    os.killpg(self.pid, signal.SIGKILL)
            elif self.returncode is None:
                self._process.kill()


@dataclass(frozen=True)
class ProgramOutput:
    """The output of a program, and its exit code."""

    stdout: bytes
    stderr: bytes
    """At most the first 4096 bytes."""

    returncode: int


async def run_program(
    *command: str,
    text: bytes = b"",
    within: float,
    max_output: int,
    environment: Mapping[str, str] | None = None,
) -> ProgramOutput:
    """Run a program with ``text`` on its standard input, and return its output. Cancelling kills it.

    What its own children write after its end does not count.

    Raises:
        OSError: it cannot be started.
        TimeoutError: it takes over ``within`` seconds.
        ValueError: it writes more than ``max_output`` bytes.
    """
    child = await ChildProcess.start(*command, environment=environment, errors=True)
    assert child.stderr is not None
    output, errors = bytearray(), bytearray()
    reading: list[asyncio.Task[Any]] = [
        asyncio.create_task(_read(child.stdout, output, max_output, strict=True)),
        asyncio.create_task(_read(child.stderr, errors, _MAX_ERRORS, strict=False)),
    ]
    try:
        async with asyncio.timeout(within):
            await _write(child, text)
            exited = asyncio.create_task(child.ended(within))
            reading.append(exited)
            # The output may be too long: that ends the program, which would not end by itself.
            await asyncio.wait((reading[0], exited), return_when=asyncio.FIRST_COMPLETED)
            if not reading[0].done() or reading[0].exception() is None:
                await exited
                await asyncio.wait(reading, timeout=_LAST_OUTPUT)
        if reading[0].done():
            reading[0].result()
        if child.returncode is None:
            raise TimeoutError
        return ProgramOutput(bytes(output), bytes(errors), child.returncode)
    finally:
        for task in reading:
            task.cancel()
        await child.end()
        await asyncio.gather(*reading, return_exceptions=True)


def run_program_blocking(*command: str, within: float, max_output: int) -> ProgramOutput:
    """Do the same as ``run_program`` where no event loop can be awaited.

    Raises:
        OSError, TimeoutError, ValueError: see there.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run_program(*command, within=within, max_output=max_output)).result()


async def _write(child: ChildProcess, text: bytes) -> None:
    # A program that does not read its input is no failure.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(text)
        await child.stdin.drain()
    child.stdin.close()


async def _read(stream: asyncio.StreamReader, into: bytearray, limit: int, strict: bool) -> None:
    """Read to the end; what is over the limit is dropped.

    Raises:
        ValueError: with ``strict``: it is over the limit.
    """
    while data := await stream.read(_STREAM_LIMIT):
        into += data[: limit - len(into)]
        if strict and len(into) >= limit:
            raise ValueError(f"the output has more than {limit} bytes")
