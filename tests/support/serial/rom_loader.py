"""An ESP32-S3 in its serial loader, on a socket: enough of it for the real esptool to find, erase and write it.

The protocol is the one of Espressif's "serial protocol" page: SLIP frames, commands and answers, the flasher stub
(which is taken for running as soon as it has been uploaded).
"""

import hashlib
import os
import socketserver
import struct
import threading
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

FLASH_SIZE = 4 * 1024 * 1024

_SYNC, _READ_REG, _MEM_END, _SECURITY = 0x08, 0x0A, 0x06, 0x14
_BEGIN, _DATA, _DEFL_BEGIN, _DEFL_DATA, _MD5, _ERASE = 0x02, 0x03, 0x10, 0x11, 0x13, 0xD0
# The first word of the flash's answer: JEDEC id of a 4 MB chip.
_SPI_W0, _JEDEC = 0x60002058, 0x001640EF
_ESP32S3 = 9


def make_image(path: Path, chip: int = 9, size: int = 300_000) -> Path:
    """An image as esptool reads them: header, one segment, checksum."""
    segment = os.urandom(size // 2) + bytes(size - size // 2 - 64)
    segment += bytes(-len(segment) % 4)
    checksum = 0xEF
    for byte in segment:
        checksum ^= byte
    head = struct.pack("<BBBBI", 0xE9, 1, 2, 0x20, 0x40000000) + bytes(4) + struct.pack("<H", chip) + bytes(10)
    data = head + struct.pack("<II", 0x3FC80000, len(segment)) + segment
    data += bytes(15 - len(data) % 16) + bytes([checksum])
    path.write_bytes(data)
    return path


class RomLoader:
    """``port`` is what esptool opens; ``flash`` is what is on the chip. ``damage`` flips one bit of what is written."""

    def __init__(self, chip: int = _ESP32S3) -> None:
        self.chip = chip
        self.flash = bytearray(b"\x55" * FLASH_SIZE)
        self.commands: list[int] = []
        self.damage = False
        loader = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                _Conversation(loader, self.request).run()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = f"socket://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Conversation:
    def __init__(self, loader: RomLoader, connection: object) -> None:
        self._loader = loader
        self._connection = connection
        self._inflate = zlib.decompressobj()
        self._at = 0

    def run(self) -> None:
        pending = b""
        while data := self._connection.recv(65536):  # type: ignore[attr-defined]
            pending += data
            while pending.count(b"\xc0") >= 2:
                _, _, rest = pending.partition(b"\xc0")
                frame, _, pending = rest.partition(b"\xc0")
                if not frame:
                    pending = b"\xc0" + pending
                    continue
                self._take(frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb"))

    def _take(self, frame: bytes) -> None:
        _, command, size, _ = struct.unpack_from("<BBHI", frame)
        data = frame[8 : 8 + size]
        self._loader.commands.append(command)
        flash = self._loader.flash
        value, answer = 0, b""
        if command == _SYNC:
            value = 0x20120707
        elif command == _READ_REG:
            value = _JEDEC if struct.unpack("<I", data[:4])[0] == _SPI_W0 else 0
        elif command == _SECURITY:
            answer = struct.pack("<IB7sII", 0, 0, bytes(7), self._loader.chip, 0)
        elif command == _ERASE:
            flash[:] = b"\xff" * FLASH_SIZE
        elif command in (_BEGIN, _DEFL_BEGIN):
            self._inflate = zlib.decompressobj()
            self._at = struct.unpack_from("<4I", data)[3]
        elif command in (_DATA, _DEFL_DATA):
            content = data[16:] if command == _DATA else self._inflate.decompress(data[16:])
            flash[self._at : self._at + len(content)] = content
            if self._loader.damage and content:
                flash[self._at] ^= 1
            self._at += len(content)
        elif command == _MD5:
            start, count = struct.unpack_from("<2I", data)
            answer = hashlib.md5(flash[start : start + count]).digest()
        for _ in range(8 if command == _SYNC else 1):
            self._send(struct.pack("<BBHI", 1, command, len(answer) + 4, value) + answer + bytes(4))
        if command == _MEM_END:
            self._send(b"OHAI")

    def _send(self, frame: bytes) -> None:
        body = frame.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        self._connection.sendall(b"\xc0" + body + b"\xc0")  # type: ignore[attr-defined]
