"""A way whose messages are kept, and one that plays them again: what a session was like, without its host."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal, TextIO

from posewire.client.transports.base import Delivery, Opener, Transport, TransportCounts
from posewire.errors import ConfigError
from posewire.wire.close_codes import ABNORMAL, NORMAL

Side = Literal["in", "out"]


class RecordingTransport:
    """Passes everything on to another transport, and writes each message into a file (``base.Transport``).

    A line a message: ``at`` (seconds since the opening), ``side`` (``in``, ``out``), ``text`` or ``data`` (base64).
    Tokens are in no message: they are said before the first.
    """

    def __init__(self, way: Transport, file: TextIO) -> None:
        self._way = way
        self._file = file
        self._began = monotonic()

    @property
    def name(self) -> str:
        """The kind of the way that is recorded."""
        return self._way.name

    @property
    def lossy(self) -> bool:
        """Whether what is sent as ``LOSSY`` may be lost at this moment."""
        return self._way.lossy

    async def send(self, message: str | bytes, delivery: Delivery = Delivery.RELIABLE) -> None:
        """Send a message, and write it down."""
        self._write("out", message)
        await self._way.send(message, delivery)

    async def probe(self) -> None:
        """Probe the way; that is not written down."""
        await self._way.probe()

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages that come, and write them down."""
        async for message in self._way.messages():
            self._write("in", message)
            yield message

    async def close(self) -> None:
        """Close the way and the file."""
        await self._way.close()
        self._file.close()

    def abort(self) -> None:
        """Close the way without a farewell, and the file."""
        self._way.abort()
        self._file.close()

    def statistics(self) -> dict[str, Any]:
        """Return what the way has counted."""
        return self._way.statistics()

    @property
    def close_code(self) -> int | None:
        """The code with which the way was closed."""
        return self._way.close_code

    @property
    def close_reason(self) -> str:
        """The reason that the side which closed has given."""
        return self._way.close_reason

    def _write(self, side: Side, message: str | bytes) -> None:
        if not self._file.closed:
            said = {"text": message} if isinstance(message, str) else {"data": base64.b64encode(message).decode()}
            line = {"at": round(monotonic() - self._began, 4), "side": side, **said}
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")


class ReplayTransport:
    """Plays what once came (``base.Transport``): ``speed`` times as fast, 0: as fast as it is taken.

    It keeps step with the program: what came after the program had said something comes when that is said again. Pings
    are answered where they were answered then.
    """

    name = "replay"
    lossy = False

    def __init__(self, lines: Sequence["Line"], speed: float = 1.0) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self._lines = lines
        self._speed = speed
        self._counts = TransportCounts()
        self._said = 0
        self._pings: list[tuple[int, Any]] = []
        self._answered = -1
        """How much the program had said, at most, before the pings that were answered by now."""

        self._changed = asyncio.Event()

    async def send(self, message: str | bytes, delivery: Delivery = Delivery.RELIABLE) -> None:
        """Take a message; what came after it then goes on.

        Raises:
            ConnectionError: the play is over.
        """
        if self.close_code is not None:
            raise ConnectionError(self.close_reason)
        self._counts.sent(len(message))
        if isinstance(message, str):
            if _is(message, "ping"):
                self._pings.append((self._said, json.loads(message).get("id")))
            else:
                self._said += 1
        self._changed.set()

    async def probe(self) -> None:
        """Return at once."""

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Iterate over what came, at its times, until the record ends."""
        began: float | None = None
        said = 0
        for line in self._lines:
            if line.side == "out":
                said += isinstance(line.message, str) and not _is(line.message, "ping")
                continue
            while self.close_code is None:
                for answer in self._answers():
                    yield answer
                wait = began + line.at / self._speed - monotonic() if self._speed and began is not None else 0.0
                if self._said >= said and wait <= 0:
                    break
                await self._wait(wait if self._said >= said else None)
            if self.close_code is not None:
                return
            if began is None:
                began = monotonic() - (line.at / self._speed if self._speed else 0.0)
            if _is(line.message, "pong"):
                self._answered = said
                continue
            self._counts.received(len(line.message))
            yield line.message
            await asyncio.sleep(0)
        for answer in self._answers():
            yield answer
        self._end(NORMAL, "the record is over")

    async def close(self) -> None:
        """End the play."""
        self._end(NORMAL, "closed")

    def abort(self) -> None:
        """End the play."""
        self._end(ABNORMAL, "")

    def statistics(self) -> dict[str, Any]:
        """Return what was counted."""
        return self._counts.as_dict()

    def _answers(self) -> list[str]:
        """The answers that are due by now."""
        due = [number for said, number in self._pings if said <= self._answered]
        self._pings = [(said, number) for said, number in self._pings if said > self._answered]
        return [json.dumps({"type": "pong", "id": number}) for number in due]

    async def _wait(self, seconds: float | None) -> None:
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def _end(self, code: int, reason: str) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self._changed.set()


@dataclass(frozen=True)
class Line:
    """A message of a record. ``at``: seconds since the opening."""

    at: float
    side: Side
    message: str | bytes


def _is(message: str | bytes, kind: str) -> bool:
    """Whether it is a text message of a type."""
    return isinstance(message, str) and json.loads(message).get("type") == kind


def recording(open_way: Opener, folder: Path) -> Opener:
    """Return an opener that records each way which it opens: ``session-1.jsonl``, ``session-2.jsonl`` … in a folder."""
    count = 0

    async def open_recorded(url: str, headers: Mapping[str, str], timeout_s: float) -> RecordingTransport:
        nonlocal count
        way = await open_way(url, headers, timeout_s)
        count += 1
        file = (folder / f"session-{count}.jsonl").open("w", encoding="utf-8")
        return RecordingTransport(way, file)

    return open_recorded


def replaying(file: Path, speed: float = 1.0) -> Opener:
    """Return an opener that plays a record, whatever address it is given.

    Raises:
        ConfigError: the file cannot be read, or is no record.
    """
    lines = read_record(file)

    async def open_replay(url: str, headers: Mapping[str, str], timeout_s: float) -> ReplayTransport:
        return ReplayTransport(lines, speed)

    return open_replay


def read_record(file: Path) -> list[Line]:
    """Return the messages of a record.

    Raises:
        ConfigError: the file cannot be read, or a line makes no sense; the message names it.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the record {file} cannot be read: {error}") from None
    found: list[Line] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            said = json.loads(line)
            message = said["text"] if "text" in said else base64.b64decode(said["data"], validate=True)
            if said["side"] not in ("in", "out") or not isinstance(message, str | bytes):
                raise ValueError("side must be in or out, and text a string")  # noqa: TRY301
            found.append(Line(float(said["at"]), said["side"], message))
        except (ValueError, LookupError, TypeError) as error:
            raise ConfigError(f"{file}:{number}: not a message of a record: {error}") from None
    return found
