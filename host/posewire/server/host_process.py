"""A host in a process of its own: start it, read its log, stop it, kill it."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from posewire.errors import PosewireError

_READY_TIMEOUT = 60.0
_STOP_TIMEOUT = 15.0

Event = dict[str, Any]


class HostProcess:
    """``posewire serve`` as a child process. Use as a context manager.

    ``events`` collects the lines of its JSON log; ``on_event`` is called with each, from a thread.
    """

    def __init__(self, *arguments: str, port: int = 0, on_event: Callable[[Event], None] | None = None) -> None:
        self.url = ""
        self.port = port
        self.events: list[Event] = []
        self._arguments = arguments
        self._on_event = on_event
        self._process: subprocess.Popen[str] | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "HostProcess":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready; a restart takes the same port again.

        Raises:
            PosewireError: it ended, or was not ready within a minute; the message holds its log.
        """
        command = [
            sys.executable,
            "-m",
            "posewire",
            "serve",
            "--port",
            str(self.port),
            "--log",
            "json",
            *self._arguments,
        ]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        ready: queue.Queue[str | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._read_ready, args=(self._process, ready), daemon=True),
            threading.Thread(target=self._read_log, args=(self._process,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            line = ready.get(timeout=_READY_TIMEOUT)
        except queue.Empty:
            line = None
        except KeyboardInterrupt:
            self.kill()  # nobody else knows it yet
            raise
        found = re.search(r"ready on (\S+:(\d+)/\S*)", line or "")
        if found is None:
            self.kill()
            last = "; ".join(str(event.get("text") or event) for event in self.events[-3:])
            raise PosewireError(f"the host did not start: {last or 'its log is empty'}")
        self.url, self.port = found[1], int(found[2])

    def stop(self) -> None:
        """Stop it gracefully (SIGTERM); does nothing when it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, as a power cut does."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop its clock: connections stay open, nothing answers (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it continue after a freeze."""
        os.kill(self.pid, signal.SIGCONT)

    def logged(self, event: str, **fields: Any) -> list[Event]:
        """Return the log's events of that name with these fields."""
        return [
            entry
            for entry in list(self.events)
            if entry.get("event") == event and all(entry.get(key) == value for key, value in fields.items())
        ]

    # --- inside

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for thread in self._threads:
            thread.join(_STOP_TIMEOUT)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stderr.close()

    def _read_ready(self, process: subprocess.Popen[str], ready: "queue.Queue[str | None]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            ready.put(line)
        ready.put(None)

    def _read_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "output", "text": line.rstrip()}
            self.events.append(event)
            if self._on_event is not None:
                self._on_event(event)
