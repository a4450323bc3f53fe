"""Improv Wi-Fi on the board's side: https://www.improv-wifi.com/serial/. Imported when the first packet comes."""

import gc
import sys

from micropython import const

from posewire_fw import __version__, log, memory

_STATE = const(1)
_ERROR = const(2)
_COMMAND = const(3)
_RESULT = const(4)

_READY = const(2)
_PROVISIONING = const(3)
_PROVISIONED = const(4)

_NO_ERROR = const(0)
_INVALID = const(1)
_UNKNOWN = const(2)
_UNABLE = const(3)
_BAD_HOSTNAME = const(5)
_FAILED = const(0xFF)

_WIFI = const(1)
_CURRENT = const(2)
_INFO = const(3)
_SCAN = const(4)
_HOSTNAME = const(5)
_NAME = const(6)
_NETWORK = const(7)
_HOST = const(0xF0)
_IDENTIFY = const(0xF1)
_MEMORY = const(0xF2)

_ONLINE = const(1)
_HAS_WIFI = const(2)
# Version, type and length follow the header; then data and checksum.
_HEAD = const(3)
_HEADER_SUM = const(477 & 0xFF)


def packet(kind, data):
    """A whole packet with the line feed that ends it; begins on a line of its own, whatever was printed before."""
    body = b"IMPROV" + bytes((1, kind, len(data))) + data
    return b"\n" + body + bytes((sum(body) & 0xFF, 10))


def result(command, strings):
    """A result packet; strings are cut where they would not fit."""
    data = b""
    for text in strings:
        raw = text.encode()[:255]
        if len(data) + 1 + len(raw) > 253:
            break
        data += bytes((len(raw),)) + raw
    return packet(_RESULT, bytes((command, len(data))) + data)


def strings_of(data):
    """The strings of a command. Raises ValueError when their lengths do not fit."""
    strings = []
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise ValueError
        strings.append(bytes(data[at + 1 : end]).decode())
        at = end
    return strings


def page_of(url):
    """The host's web address, for people: that of its WebSocket with http before it."""
    scheme, _, rest = url.partition("://")
    return ("https://" if scheme == "wss" else "http://") + rest.split("/", 1)[0] + "/"


def memory_of(app):
    """Texts: bytes of heap in all and free, of the chip's own memory free and in one piece; profile; parts left out."""
    gc.collect()
    found = memory.idf() or (-1, -1, -1)
    free = memory.heap_free()
    parts = "".join([" %s (%s);" % (part, app.left_out[part]) for part in app.left_out])
    return [str(gc.mem_alloc() + free), str(free), str(found[0]), str(found[1]), app.board.profile, parts[1:-1]]


def write(data):
    """To the console as it is: the text stream would change line ends."""
    sys.stdout.buffer.write(data)


class Improv:
    """app is the application. begin() after a header, then feed() byte by byte; poll() watches a network being tried.

    Packets are rare and short: this may allocate.
    """

    def __init__(self, app, send=write):
        self._app = app
        self._send = send
        self._data = bytearray()
        self._inside = False
        self._trying = False

    def inside(self):
        """Whether the next byte belongs to a packet."""
        return self._inside

    def idle(self):
        return not self._trying

    def begin(self):
        self._inside = True
        self._data = bytearray()

    def feed(self, byte):
        """Take one byte of a packet, and act when it is the last."""
        data = self._data
        data.append(byte)
        if len(data) < _HEAD or len(data) < _HEAD + data[2] + 1:
            return
        self._inside = False
        if data[0] != 1 or sum(data[:-1]) + _HEADER_SUM & 0xFF != data[-1] or data[1] != _COMMAND:
            self._error(_INVALID)
            return
        command = data[_HEAD:-1]
        if len(command) < 2 or command[1] != len(command) - 2:
            self._error(_INVALID)
            return
        self._error(_NO_ERROR)
        try:
            self._run(command[0], command[2:])
        except (ValueError, UnicodeError):
            self._error(_INVALID)
        except Exception as exc:
            log.exception("improv", "a command failed", exc)
            self._error(_FAILED)

    def poll(self):
        """Tell how a network that was offered has turned out."""
        wifi = self._app.wifi
        if not self._trying or wifi.offer_result is None:
            return
        self._trying = False
        if wifi.offer_result:
            self._state()
            self._send(result(_WIFI, self._urls()))
        else:
            self._error(_UNABLE)
            self._state()

    def _run(self, command, data):
        app = self._app
        if command == _WIFI:
            ssid, password = strings_of(data)
            if not 1 <= len(ssid.encode()) <= 32 or len(password) > 64:
                raise ValueError
            self._trying = True
            app.wifi.offer(ssid, password)
            self._send(packet(_STATE, bytes((_PROVISIONING,))))
        elif command == _CURRENT:
            self._state()
            if app.wifi.connected():
                self._send(result(command, self._urls()))
        elif command == _INFO:
            self._send(result(command, ("Posewire", __version__, app.board.name, app.name())))
        elif command == _SCAN:
            for ssid, rssi, secured in app.wifi.scan():
                self._send(result(command, (ssid, str(rssi), "YES" if secured else "NO")))
            self._send(result(command, ()))
        elif command == _HOSTNAME or command == _NAME:
            if data:
                self._error(_BAD_HOSTNAME)
            else:
                self._send(result(command, (app.name(),)))
        elif command == _NETWORK:
            online = app.wifi.connected()
            flags = _HAS_WIFI | (_ONLINE if online else 0)
            self._send(result(command, [str(flags)] + (self._urls() if online else [])))
        elif command == _HOST:
            url, token = strings_of(data)
            app.set_host(url, token)
            self._send(result(command, (app.config["host"]["url"],)))
        elif command == _MEMORY:
            self._send(result(command, memory_of(app)))
        elif command == _IDENTIFY:
            app.led.identify(3000)
            self._send(result(command, ()))
        else:
            self._error(_UNKNOWN)

    def _urls(self):
        return [page_of(self._app.config["host"]["url"])]

    def _state(self):
        wifi = self._app.wifi
        state = _PROVISIONING if self._trying else _PROVISIONED if wifi.connected() else _READY
        self._send(packet(_STATE, bytes((state,))))

    def _error(self, code):
        self._send(packet(_ERROR, bytes((code,))))
