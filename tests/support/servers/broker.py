"""A real MQTT broker for the tests: Mosquitto, Debian's package (``make programs`` installs it for root)."""

import contextlib
import os
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from support.programs.debian_packages import find
from support.servers.free_port import free_port


class Broker:
    """One Mosquitto on a free port of this machine, which wants a password; a stopped one can be started again."""

    USER, PASSWORD = "posewire", "a-password"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        program, tool = find("mosquitto"), find("mosquitto_passwd")
        assert program is not None
        assert tool is not None
        self._program = program
        self.port = free_port()
        passwords = folder / "passwords"
        passwords.touch(mode=0o600)
        subprocess.run([tool, "-b", str(passwords), self.USER, self.PASSWORD], check=True, capture_output=True)
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
            f"persistence true\npersistence_location {folder}/\nlog_dest stderr\nset_tcp_nodelay true\n"
            + ("user root\n" if not os.getuid() else "")
        )
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._folder / "mosquitto.conf")], stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        lines = []
        for line in self._process.stderr:
            lines.append(line)
            if line.rstrip().endswith("running"):
                break
        else:
            raise AssertionError("Mosquitto does not start: " + "".join(lines))
        # What it says further must not fill the pipe.
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    def stop(self) -> None:
        """Stop it; what is retained is kept for the next start."""
        process, self._process = self._process, None
        while process is not None and process.poll() is None:
            # It overhears a signal that comes just when it has started.
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
