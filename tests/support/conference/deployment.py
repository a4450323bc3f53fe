"""All parts of a deployment together, each of which can be killed and started again."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.conference.prosody import Prosody
from support.servers.free_port import free_port

_TESTS = Path(__file__).parents[2]


class Part:
    """A process of the deployment; ``words``: the module and its arguments."""

    def __init__(self, *words: str) -> None:
        self._words = words
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        path = os.pathsep.join((str(_TESTS), str(_TESTS.parent / "host")))
        self._process = subprocess.Popen(
            [sys.executable, "-m", *self._words],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """End it without a word."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process is not None
        return self._process.pid


class Deployment:
    """A Prosody (options: ``Prosody``), a focus and a bridge; ``replace``: see ``focus``."""

    def __init__(self, folder: Path, *, replace: bool = False, **options: Any) -> None:
        self.prosody = Prosody(folder, **{"restricted": True, **options})
        port = str(free_port())
        self.bridge = Part("support.conference.bridge", port)
        more = ("--replace",) if replace else ()
        self.focus = Part("support.conference.focus", str(self.prosody.component), port, *more)

    @property
    def address(self) -> str:
        """The address of a room."""
        return self.prosody.address()

    def __enter__(self) -> Self:
        for part in (self.prosody, self.bridge, self.focus):
            part.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for part in (self.focus, self.bridge, self.prosody):
            part.kill()
