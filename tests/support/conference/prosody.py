"""A real XMPP server for the tests: Prosody, Debian's package (``make programs`` installs it for root).

Set up as Jitsi's own deployments have it: guests without accounts, WebSocket, rooms that only a focus begins.
"""

import contextlib
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from support.programs.debian_packages import find
from support.servers.free_port import free_port

_CONFIGURATION = """
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{folder}/log" }} }}
run_as_root = true
modules_enabled = {{ "saslauth", "disco", "ping", "websocket"{modules} }}
modules_disabled = {{ "s2s", "offline", "tls" }}
storage = "memory"
c2s_require_encryption = false
consider_websocket_secure = true
{limits}
c2s_ports, s2s_ports, https_ports = {{}}, {{}}, {{}}
http_interfaces, component_interfaces = {{ "127.0.0.1" }}, {{ "127.0.0.1" }}
http_ports, component_ports = {{ {http} }}, {{ {component} }}
http_default_host = "meet.test"
http_paths = {{ websocket = "/xmpp-websocket" }}

VirtualHost "meet.test"
    authentication = "{authentication}"

Component "conference.meet.test" "muc"
    restrict_room_creation = {restricted}
    muc_room_locking = false
    muc_room_default_public_jids = true
    admins = {{ "focus@focus.meet.test" }}

Component "focus.meet.test"
    component_secret = "secret"
"""


class Prosody:
    """One Prosody on free ports of this machine. ``limits``: bytes a second that it takes of one client; 0: all.

    ``restricted``: rooms are begun by the focus only. A stopped one can be started again, on the same ports.
    """

    DOMAIN, SECRET = "meet.test", "secret"

    def __init__(
        self, folder: Path, *, limits: int = 0, restricted: bool = False, authentication: str = "anonymous"
    ) -> None:
        program = find("prosody")
        assert program is not None
        self._program = program
        self._folder = folder
        (folder / "data").mkdir(exist_ok=True)
        self.http, self.component = free_port(), free_port()
        self._configuration = folder / "prosody.cfg.lua"
        rate = f'limits = {{ c2s = {{ rate = "{limits}b/s" }} }}' if limits else ""
        self._configuration.write_text(
            _CONFIGURATION.format(
                folder=folder, http=self.http, component=self.component, limits=rate,
                modules=', "limits"' if limits else "", restricted="true" if restricted else "false",
                authentication=authentication,
            )
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def address(self, room: str = "studio") -> str:
        """Return the address of a room, as hosts and programs take it."""
        return f"jitsi+ws://127.0.0.1:{self.http}/{room}?domain={self.DOMAIN}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            [self._program, "-F", "--config", str(self._configuration)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for port in (self.http, self.component):
            while True:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.02)

    def kill(self) -> None:
        """End it without a word, as a crash does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
