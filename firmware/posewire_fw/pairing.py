"""Getting a token from the host: the stock activation over HTTP (docs/wire.md, "Pairing"). Imported when a host asks.

The host answers with a six-digit code; whoever owns the host types it in there, and the board gets its token.
"""

import asyncio
import json
import select
import socket
import time

from micropython import const

from posewire_fw import __version__, credentials, log
from posewire_fw.url import parse_url

_ANSWER_MAX = const(4096)
_ANSWER_MS = const(10000)
_WAIT_MS = const(20)
_POLL_MS = const(3000)
# A code is good for some minutes; then the board asks for a new one.
_CODE_MS = const(600000)
_IN_PROGRESS = (115, 119, 120, 118, 114)
_PATH = "/xiaozhi/ota/"


class PairingError(Exception):
    """The host's answer is not one."""


def activation_url(host):
    """Where to ask: host.activation, or the stock path at the host's own address."""
    if host["activation"]:
        return host["activation"]
    scheme, _, rest = host["url"].partition("://")
    return ("https://" if scheme == "wss" else "http://") + rest.split("/", 1)[0] + _PATH


def build_request(url, headers, body):
    """(secure, host, port, bytes) of a POST. Raises ValueError for a URL that is none."""
    if not url.startswith("http"):
        raise ValueError("the activation address must begin with http:// or https://")
    secure, host, port, path, netloc = parse_url("ws" + url[4:])
    data = json.dumps(body).encode()
    lines = ["POST %s HTTP/1.0" % path, "Host: %s" % netloc, "Content-Type: application/json"]
    lines.append("Content-Length: %d" % len(data))
    for name, value in headers:
        lines.append("%s: %s" % (name, value))
    return secure, host, port, ("\r\n".join(lines) + "\r\n\r\n").encode() + data


def parse_answer(data):
    """(status, JSON object or None) of a whole answer. Raises PairingError."""
    head, end, body = data.partition(b"\r\n\r\n")
    parts = head.split(b"\r\n")[0].split(b" ")
    if not end or len(parts) < 2 or not parts[0].startswith(b"HTTP/") or not parts[1].isdigit():
        raise PairingError("the host does not answer in HTTP")
    try:
        content = json.loads(body) if body else None
    except ValueError:
        content = None
    return int(parts[1]), content if isinstance(content, dict) else None


async def _exchange(url, ca, headers, body, beat):
    secure, host, port, data = build_request(url, headers, body)
    address = socket.getaddrinfo(host, port)[0]
    sock = socket.socket(address[0], socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        try:
            sock.connect(address[-1])
        except OSError as exc:
            if exc.errno not in _IN_PROGRESS:
                raise
        deadline = time.ticks_add(time.ticks_ms(), _ANSWER_MS)

        async def pause():
            if time.ticks_diff(deadline, time.ticks_ms()) < 0:
                raise PairingError("the host does not answer")
            beat()
            await asyncio.sleep_ms(_WAIT_MS)

        poller = select.poll()
        poller.register(sock, select.POLLOUT)
        while not poller.poll(0):
            await pause()
        if secure:
            from posewire_fw.opening import wrap_tls

            sock = wrap_tls(sock, host, ca)
        while data:
            count = sock.write(data)
            if count:
                data = data[count:]
            else:
                await pause()
        answer = b""
        while True:
            block = sock.read(512)
            if block is None:
                await pause()
                continue
            if not block:
                return parse_answer(answer)
            answer += block
            if len(answer) > _ANSWER_MAX:
                raise PairingError("the host's answer is too long")
    finally:
        sock.close()


class Pairing:
    """app is the application: its settings, its identity, its events."""

    def __init__(self, app):
        self._app = app
        host = app.config["host"]
        self._url = activation_url(host)
        self._ca = host["ca"]
        self._headers = [
            ("Activation-Version", "1"),
            ("Device-Id", app.wifi.mac()),
            ("Client-Id", app.config["client_id"]),
            ("User-Agent", "%s/%s" % (app.board.name, __version__)),
        ]

    def _about(self):
        return {
            "version": 2,
            "mac_address": self._app.wifi.mac(),
            "uuid": self._app.config["client_id"],
            "application": {"name": "posewire", "version": __version__},
            "board": {"type": self._app.board.name, "name": self._app.name(), "mac": self._app.wifi.mac()},
        }

    async def run(self, beat):
        """Ask until there is a token, which is then kept; True when there is one. Raises OSError, PairingError."""
        code = ""
        deadline = time.ticks_add(time.ticks_ms(), _CODE_MS)
        while time.ticks_diff(deadline, time.ticks_ms()) > 0:
            status, answer = await _exchange(self._url, self._ca, self._headers, self._about(), beat)
            if status != 200 or answer is None:
                raise PairingError("the host does not know pairing (HTTP %d)" % status)
            if self._take_token(answer):
                return True
            activation = answer.get("activation")
            if not isinstance(activation, dict):
                raise PairingError("the host gives neither a token nor a code")
            if not activation.get("code"):
                if code:
                    self._app.events.emit("pairing", "")
                raise PairingError(activation.get("message") or "the host refuses the board")
            if activation["code"] != code:
                code = str(activation["code"])
                self._show(code, activation.get("message"))
            if not await self._wait_for_owner(deadline, beat):
                continue
        log.warning("pairing", "the code %s was not used", code)
        return False

    async def _wait_for_owner(self, deadline, beat):
        """Ask whether the code was typed in; False when the code should be asked for anew."""
        while time.ticks_diff(deadline, time.ticks_ms()) > 0:
            end = time.ticks_add(time.ticks_ms(), _POLL_MS)
            while time.ticks_diff(end, time.ticks_ms()) > 0:
                beat()
                await asyncio.sleep_ms(250)
            status, _ = await _exchange(self._url + "activate", self._ca, self._headers, {}, beat)
            if status == 200:
                return True
            if status != 202:
                return False
        return False

    def _show(self, code, message):
        log.info("pairing", "code %s: %s", code, message or "enter it at the host")
        self._app.events.emit("pairing", code)

    def _take_token(self, answer):
        if answer.get("activation"):
            # A token beside a code is good for nothing until somebody has confirmed the code.
            return False
        websocket = answer.get("websocket")
        token = websocket.get("token") if isinstance(websocket, dict) else None
        if not token or not isinstance(token, str):
            return False
        self._app.config["host"]["token"] = token
        if not credentials.put(credentials.TOKEN, token):
            log.error("pairing", "the token cannot be stored: it is good until the next start")
        log.info("pairing", "the host has given the board its token")
        self._app.events.emit("pairing", "")
        return True
