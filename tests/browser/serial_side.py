"""The test's side of ``serial_stand_in.js``: a page's serial port, with a real port of this machine behind it."""

import asyncio
import base64
import os
import tty
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Page

_SCRIPT = Path(__file__).parent / "serial_stand_in.js"


class SerialSide:
    """The page's only port. ``bauds``: the speeds that it was opened with; ``signals``: what was done to its lines."""

    def __init__(self) -> None:
        self.bauds: list[int] = []
        self.signals: list[dict[str, bool]] = []
        self._target = ""
        self._ends: dict[int, _End] = {}
        self._opened = 0

    async def install(self, page: Page) -> None:
        """Give the page ``navigator.serial``, from its next navigation on."""
        for name, function in (
            ("Open", self._open),
            ("Read", self._read),
            ("Write", self._write),
            ("Close", self._close),
            ("Signals", self._signals),
        ):
            await page.expose_function(f"serialPort{name}", function)
        await page.add_init_script(path=_SCRIPT)

    def plug(self, target: str) -> None:
        """Put a board at the port: ``/dev/pts/…`` or ``socket://127.0.0.1:…``."""
        self._target = target

    async def _open(self, baud: int) -> int:
        self.bauds.append(baud)
        try:
            end = await _End.open(self._target)
        except OSError:
            return 0
        self._opened += 1
        self._ends[self._opened] = end
        return self._opened

    async def _read(self, number: int) -> str | None:
        end = self._ends.get(number)
        data = await end.read() if end is not None else b""
        return base64.b64encode(data).decode() if data else None

    async def _write(self, number: int, text: str) -> None:
        self._ends[number].write(base64.b64decode(text))

    async def _close(self, number: int) -> None:
        if (end := self._ends.pop(number, None)) is not None:
            end.close()

    async def _signals(self, signals: dict[str, bool]) -> None:
        self.signals.append(signals)


class _End:
    """An open port or socket."""

    def __init__(self, reader: asyncio.StreamReader, *transports: asyncio.BaseTransport) -> None:
        """``transports``: the one that is written to comes first."""
        self._reader = reader
        self._transports = transports

    @classmethod
    async def open(cls, target: str) -> "_End":
        loop = asyncio.get_running_loop()
        if target.startswith("socket:"):
            parts = urlsplit(target)
            reader = asyncio.StreamReader()
            transport, _ = await loop.create_connection(
                lambda: asyncio.StreamReaderProtocol(reader), parts.hostname, parts.port
            )
            return cls(reader, transport)
        descriptor = os.open(target, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(descriptor)
        reader = asyncio.StreamReader()
        out, into = os.fdopen(os.dup(descriptor), "wb", 0), os.fdopen(descriptor, "rb", 0)
        write, _ = await loop.connect_write_pipe(asyncio.Protocol, out)
        read, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), into)
        return cls(reader, write, read)

    async def read(self) -> bytes:
        try:
            return await self._reader.read(4096)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        transport = self._transports[0]
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(data)

    def close(self) -> None:
        # Nothing of what comes later is this end's: another one may be open by then.
        for transport in self._transports:
            transport.close()
        self._reader.feed_eof()
