"""The board's own page: an access point with one form, for a phone and no cable. Imported when it is needed.

Every name leads here (so that phones show the page by themselves). When a network works, the board starts anew: that is
the surest way to give all of this memory back.
"""

# pyright: reportOptionalMemberAccess=false

import asyncio
import os
import socket
import time

import network
from micropython import const

from posewire_fw import credentials, log

ADDRESS = "192.168.4.1"
_WPA2 = const(3)
_POLL_MS = const(20)
_REQUEST_MAX = const(2048)
_REQUEST_MS = const(5000)
_BLOCK = const(512)
# The chip takes a moment to become an access point.
_ACTIVE_MS = const(3000)
_NAME_MAX = const(255)
# The page of a board that has its networks closes again when nobody comes.
_UNUSED_MS = const(600000)
# How long the good news stays up before the board starts anew.
_FAREWELL_MS = const(6000)
# No letters or digits that look alike on a label.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_PASSWORD_LENGTH = const(10)

_HEAD = (
    "HTTP/1.0 %s\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\n%s\r\n"
)
_TOP = """<!doctype html><meta name=viewport content="width=device-width,initial-scale=1"><title>%s</title>
<style>body{font:16px sans-serif;margin:1em auto;max-width:24em;padding:0 1em}
input,button{font:inherit;width:100%%;box-sizing:border-box;margin:.2em 0 .8em;padding:.4em}</style><h1>%s</h1>"""
_FORM = """<form method=post action=/save>
<label>Network<input name=ssid list=s required maxlength=32></label><datalist id=s>%s</datalist>
<label>Password<input name=password type=password maxlength=64></label>
<label>Host<input name=host value="%s"></label>
<label>Token (if the host gave you one)<input name=token></label><button>Save</button></form>"""


class Malformed(Exception):
    """A request that makes no sense."""


def password():
    """This board's password for its own network: made once, then always the same."""
    text = credentials.get(credentials.AP_PASSWORD)
    if not text:
        text = "".join([_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(_PASSWORD_LENGTH)])
        credentials.put(credentials.AP_PASSWORD, text)
    return text


def unquote(text):
    """Undo application/x-www-form-urlencoded for one value. Raises Malformed."""
    out = bytearray()
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == "+":
            out.append(32)
        elif letter == "%":
            try:
                out.append(int(text[at + 1 : at + 3], 16))
            except ValueError:
                raise Malformed
            at += 2
        else:
            out.extend(letter.encode())
        at += 1
    try:
        return out.decode()
    except UnicodeError:
        raise Malformed


def parse_form(text):
    """The fields of a form as a dict. Raises Malformed."""
    fields = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        fields[unquote(name)] = unquote(value)
    return fields


def escape(text):
    """For HTML text and attributes: a network's name may be anything."""
    for letter, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot"), ("'", "#39")):
        text = text.replace(letter, "&%s;" % name)
    return text


def parse_request(data):
    """(method, path, body) of a request that is complete, None while it is not. Raises Malformed."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > _REQUEST_MAX:
            raise Malformed
        return None
    lines = bytes(data[:end]).decode().split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise Malformed
    length = 0
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            if not value.strip().isdigit():
                raise Malformed
            length = int(value)
    if length > _REQUEST_MAX:
        raise Malformed
    body = data[end + 4 :]
    if len(body) < length:
        return None
    return parts[0], parts[1], bytes(body[:length]).decode()


def answer_dns(query, address=ADDRESS):
    """The answer to a DNS query: this board, whatever the name; None for what is no question."""
    if len(query) < 17 or query[2] & 0x80 or query[4:6] != b"\x00\x01":
        return None
    at = 12
    while at < len(query) and query[at]:
        at += 1 + query[at]
        if at - 12 > _NAME_MAX:
            return None
    at += 5
    if at > len(query):
        return None
    question = query[12:at]
    found = question[-4:-2] == b"\x00\x01"  # an IPv4 address is asked for; there is nothing else
    head = query[:2] + b"\x84\x00\x00\x01" + (b"\x00\x01" if found else b"\x00\x00") + b"\x00\x00\x00\x00"
    if not found:
        return head + question
    ip = bytes([int(part) for part in address.split(".")])
    return head + question + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x1e\x00\x04" + ip


class Portal:
    """app is the application. run() returns when the page is not needed any more."""

    def __init__(self, app):
        self._app = app
        self._wifi = app.wifi
        self._seen = time.ticks_ms()
        self._done = 0
        self._message = ""
        self._asked = False
        self._trying = False
        self._client = None
        self._data = b""
        self._since = self._seen

    async def run(self, beat):
        point = network.WLAN(network.AP_IF)
        name = self._app.name()
        try:
            self._found = self._wifi.scan()
            # In this order: the chip takes settings of an access point only while it is one.
            point.active(True)
            await _until_active(point, beat)
            point.config(ssid=name, security=_WPA2, key=password())
            self._names = _listen(socket.SOCK_DGRAM, 53)
            self._pages = _listen(socket.SOCK_STREAM, 80)
            self._pages.listen(2)
            log.info("setup", "join the network %s, password %s, open http://%s/", name, password(), ADDRESS)
            await self._serve(beat)
        except (OSError, RuntimeError) as exc:
            log.error("setup", "the board's own network does not come up: %s", exc)
            await asyncio.sleep_ms(1000)
        finally:
            for sock in (getattr(self, "_names", None), getattr(self, "_pages", None), self._client):
                if sock is not None:
                    sock.close()
            point.active(False)
        if self._done:
            self._app.reboot()
            await asyncio.sleep_ms(5000)

    async def _serve(self, beat):
        while True:
            beat()
            self._answer_names()
            self._answer_page()
            now = time.ticks_ms()
            if self._done and time.ticks_diff(now, self._done) > 0:
                return
            if not self._done and self._wifi.offered():
                if await self._join(beat) and not self._done:
                    return
            elif not self._trying and self._wifi.known() and time.ticks_diff(now, self._seen) > _UNUSED_MS:
                log.info("setup", "nobody came")
                return
            await asyncio.sleep_ms(_POLL_MS)

    async def _join(self, beat):
        """Try what was offered while the page goes on answering; True when it works.

        Only who came over the page needs to read that it did.
        """

        def turn():
            beat()
            self._answer_names()
            self._answer_page()

        self._trying = True
        joined = await self._wifi.join(turn)
        self._trying = False
        if joined and self._asked:
            self._message = "Connected. The board starts anew; this network goes away."
            self._done = time.ticks_add(time.ticks_ms(), _FAREWELL_MS) or 1
        elif not joined:
            self._message = "%s. Try again." % self._wifi.problem
        self._asked = False
        return joined

    def _answer_names(self):
        try:
            query, sender = self._names.recvfrom(_BLOCK)
        except OSError:
            return
        reply = answer_dns(query)
        if reply is not None:
            try:
                self._names.sendto(reply, sender)
            except OSError:
                pass

    def _answer_page(self):
        if self._client is None:
            try:
                self._client = self._pages.accept()[0]
            except OSError:
                return
            self._client.setblocking(False)
            self._data = b""
            self._since = time.ticks_ms()
        try:
            if self._take_request() or time.ticks_diff(time.ticks_ms(), self._since) > _REQUEST_MS:
                self._hang_up()
        except (OSError, Malformed, UnicodeError):
            self._hang_up()

    def _hang_up(self):
        self._client.close()
        self._client = None

    def _take_request(self):
        """True when this client is done with."""
        block = self._client.read(_BLOCK)
        if block is None:
            return False
        if not block:
            return True
        self._data += block
        request = parse_request(self._data)
        if request is None:
            return False
        self._seen = time.ticks_ms()
        self._reply(*request)
        return True

    def _reply(self, method, path, body):
        path = path.split("?", 1)[0]
        if method == "POST" and path == "/save":
            self._save(parse_form(body))
            self._send("303 See Other", "", "Location: /status\r\n")
        elif method not in ("GET", "HEAD"):
            self._send("405 Method Not Allowed", "")
        elif path == "/":
            self._send("200 OK", self._page(self._form()))
        elif path == "/status":
            trying = self._trying or self._wifi.offered()
            text = "Trying the network&hellip;" if trying else escape(self._message or "Nothing was tried yet.")
            more = "<meta http-equiv=refresh content=2>" if trying else "<p><a href=/>Back</a>"
            self._send("200 OK", self._page("<p>%s</p>%s" % (text, more)))
        else:
            # What phones ask for to find out whether there is a page like this.
            self._send("302 Found", "", "Location: http://%s/\r\n" % ADDRESS)

    def _page(self, content):
        name = escape(self._app.name())
        return _TOP % (name, name) + content

    def _form(self):
        options = "".join(['<option value="%s">' % escape(ssid) for ssid, _, _ in self._found])
        return _FORM % (options, escape(self._app.config["host"]["url"]))

    def _save(self, fields):
        ssid = fields.get("ssid", "")
        if not 1 <= len(ssid.encode()) <= 32 or len(fields.get("password", "")) > 64:
            self._message = "That is not a network's name and password."
            return
        try:
            self._app.set_host(fields.get("host", ""), fields.get("token", "").strip())
        except ValueError as exc:
            self._message = str(exc)
            return
        self._message = ""
        self._asked = True
        self._wifi.offer(ssid, fields.get("password", ""))

    def _send(self, status, content, headers=""):
        # Small enough for the network's own buffers, but a phone may be slow: for the length of a page, this waits.
        self._client.settimeout(2)
        data = (_HEAD % (status, headers) + content).encode()
        while data:
            data = data[self._client.write(data) or 0 :]


async def _until_active(point, beat):
    deadline = time.ticks_add(time.ticks_ms(), _ACTIVE_MS)
    while not point.active() and time.ticks_diff(deadline, time.ticks_ms()) > 0:
        beat()
        await asyncio.sleep_ms(_POLL_MS)


def _listen(kind, port):
    sock = socket.socket(socket.AF_INET, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(socket.getaddrinfo("0.0.0.0", port)[0][-1])
    sock.setblocking(False)
    return sock
