"""Recordings on the host's machine, made, played and exported by its own programs: ``posewire record``, and so on.

Each is a process of its own, a member of the room as any other: what goes wrong there is no matter of the host's.
"""

import asyncio
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posewire.child_process import ChildProcess, child_environment
from posewire.errors import WireError
from posewire.identity.identities import Identities
from posewire.identity.settings import TOKEN_VARIABLE
from posewire.rooms.recording_index import IndexedRecording, forget_recording, read_index
from posewire.server.programs.recording_export import FORMATS, Export
from posewire.store import Store

MOST = 8
_END_WITHIN = 10.0
_NOT_IN_NAMES = re.compile(r"[^\w-]+")
_MEMORY = ("", ":memory:")


@dataclass
class _Program:
    """A recorder or a player that runs. ``file``: the recording; ``room``: where it is."""

    file: Path
    room: str
    child: ChildProcess
    token: str
    watch: asyncio.Task[None] | None = None
    said: str = ""


class Recordings:
    """Those of one host. ``store``: the file of the store, in which they are listed; ``folder``: where new ones go."""

    def __init__(self, store: Store, identities: Identities, path: str, folder: str = "") -> None:
        self._store = store
        self._identities = identities
        self._path = path if path in _MEMORY else str(Path(path).absolute())
        self._folder = Path(folder).expanduser() if folder else Path(path).parent / "recordings"
        self._recorders: dict[Path, _Program] = {}
        self._begun: set[str] = set()
        """The rooms for which a recorder is being started."""

        self._players: dict[int, _Program] = {}
        self.exports: list[Export] = []
        """Those that are under way."""

        self._number = 0
        self._failed = ""

    @property
    def available(self) -> bool:
        """Whether there is a list on disk: not where the host keeps its store in memory."""
        return self._path not in _MEMORY

    async def describe(self) -> dict[str, Any]:
        """Return the recordings, newest first, what is played and exported, and why a program failed (``failed``)."""
        found = await self._store.run(read_index) if self.available else []
        return {
            "available": self.available,
            "formats": list(FORMATS),
            "recordings": await asyncio.to_thread(self._described, found[::-1]),
            "players": [
                {"number": number, "file": player.file.name, "room": player.room}
                for number, player in self._players.items()
            ],
            "exports": [
                {"file": export.file.name, "format": export.kind, "percent": export.percent} for export in self.exports
            ],
            "failed": self._failed,
        }

    def _described(self, found: Sequence[IndexedRecording]) -> list[dict[str, Any]]:
        return [
            {
                "number": each.number,
                "file": each.file.name,
                "room": each.room,
                "began": each.began,
                "seconds": each.seconds,
                "pose": each.pose,
                "audio": each.audio,
                "members": list(each.members),
                "bytes": each.file.stat().st_size,
                "running": each.file in self._recorders,
            }
            for each in found
            if each.file.is_file()
        ]

    async def start(self, url: str, room: str, who: str, with_token: bool) -> str:
        """Record a room until ``stop``; return the file's name. ``with_token``: the host wants one.

        Raises:
            WireError: ``not_available``, ``too_many``, or ``busy``: it records this room already.
        """
        self._require_list()
        if room in self._begun or any(recorder.room == room for recorder in self._recorders.values()):
            raise WireError(f"this host records the room {room} already", "busy")
        if len(self._recorders) >= MOST:
            raise WireError(f"at most {MOST} recordings at a time", "too_many")
        name = f"{_NOT_IN_NAMES.sub('-', room)[:60]}-{time.strftime('%Y%m%d-%H%M%S')}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WireError(f"cannot write to {self._folder}: {error.strerror}", "not_available") from None
        file = (self._folder / f"{name}.pwrec").absolute()
        while file in self._recorders or file.exists():
            file = file.with_name(f"{file.stem}-1.pwrec")
        words = ("record", "--url", url, "--store", self._path, "--", room, str(file))  # it may begin with a dash
        self._begun.add(room)
        try:
            recorder = await self._run(words, file, room, ("room.join",), who, with_token)
        finally:
            self._begun.discard(room)
        self._recorders[file] = recorder
        recorder.watch = asyncio.create_task(self._watch(recorder))
        return file.name

    async def stop(self, number: int) -> None:
        """End a recording that was started here. Raises WireError (``not_found``)."""
        recorder = self._recorders.get((await self.find(number)).file)
        if recorder is None:
            raise WireError(f"the recording {number} was not started here, or has ended", "not_found")
        await self._interrupt(recorder)

    async def play(self, number: int, url: str, room: str, speed: float, who: str, with_token: bool) -> int:
        """Play a recording into a room; return the player's number.

        Raises:
            WireError: ``not_found``, ``too_many`` or ``not_available``.
        """
        recording = await self.find(number)
        if len(self._players) >= MOST:
            raise WireError(f"at most {MOST} players at a time", "too_many")
        words = ("replay", str(recording.file), "--url", url, f"--room={room}", "--speed", f"{speed:g}")
        player = await self._run(words, recording.file, room, ("room.join", "room.publish"), who, with_token)
        self._number += 1
        self._players[self._number] = player
        player.watch = asyncio.create_task(self._watch(player))
        return self._number

    async def stop_playing(self, number: int) -> None:
        """End a player. Raises WireError (``not_found``)."""
        player = self._players.get(number)
        if player is None:
            raise WireError(f"there is no player {number}", "not_found")
        await self._interrupt(player)

    async def find(self, number: int) -> IndexedRecording:
        """Return a recording whose file is there. Raises WireError (``not_found``)."""
        self._require_list()
        for each in await self._store.run(read_index):
            if each.number == number and await asyncio.to_thread(each.file.is_file):
                return each
        raise WireError(f"there is no recording {number}", "not_found")

    async def delete(self, number: int) -> None:
        """Take a recording out of the list, and off the disk where it is in this host's folder.

        Raises:
            WireError: ``not_found``, or ``busy``: it is being written or played.
        """
        recording = await self.find(number)
        if any(recording.file == each.file for each in (*self._recorders.values(), *self._players.values())):
            raise WireError(f"the recording {number} is in use", "busy")
        if recording.file.parent == self._folder.absolute():
            await asyncio.to_thread(recording.file.unlink, missing_ok=True)
        await self._store.run(lambda c: forget_recording(c, number))

    @asynccontextmanager
    async def exported(self, number: int, kind: str, device: str = "") -> AsyncIterator[Path]:
        """A file of another format, which is there while the block runs.

        Raises:
            WireError: ``not_found``; the format is none of ``FORMATS``; or the exporter says why it is not possible.
        """
        if kind not in FORMATS:
            raise WireError(f"a recording becomes one of {', '.join(FORMATS)}")
        recording = await self.find(number)
        with tempfile.TemporaryDirectory(prefix="posewire-export-") as folder:
            out = Path(folder) / f"{recording.file.stem}.{kind}"
            export = Export(recording.file, kind, device)
            self.exports.append(export)
            try:
                await export.run(out)
            finally:
                self.exports.remove(export)
            yield out

    async def close(self) -> None:
        """End all: recordings are whole."""
        await asyncio.gather(*(self._interrupt(each) for each in (*self._recorders.values(), *self._players.values())))

    def _require_list(self) -> None:
        if not self.available:
            raise WireError("this host keeps nothing on disk: name a file in [store] path", "not_available")

    async def _run(
        self, words: Sequence[str], file: Path, room: str, scopes: Sequence[str], who: str, with_token: bool
    ) -> _Program:
        environment = child_environment()
        environment.pop(TOKEN_VARIABLE, None)
        token = ""
        if with_token:
            wanted = [f"{scope}:{room}" for scope in scopes]
            token = environment[TOKEN_VARIABLE] = await self._identities.issue(
                f"{words[0]} {room}"[:64], "program", wanted, 30, who
            )
        try:
            child = await ChildProcess.start(
                sys.executable, "-u", "-m", "posewire", *words, environment=environment, errors=True
            )
        except OSError as error:
            raise WireError(f"posewire {words[0]} cannot be started: {error.strerror}", "not_available") from None
        return _Program(file, room, child, token)

    async def _watch(self, program: _Program) -> None:
        """Read what a program says until it has ended, and forget it."""
        assert program.child.stderr is not None
        try:
            while line := await program.child.stderr.readline():
                program.said = line.decode("utf-8", "replace").strip()[:300] or program.said
            await program.child.ended(_END_WITHIN)
        finally:
            if program.child.returncode not in (0, None, -signal.SIGINT):
                self._failed = f"{program.room}: {program.said}"
            self._recorders = {file: each for file, each in self._recorders.items() if each is not program}
            self._players = {number: each for number, each in self._players.items() if each is not program}
            await program.child.end()
            if program.token:
                await self._identities.revoke_token(program.token)

    async def _interrupt(self, program: _Program) -> None:
        """End a program as Ctrl-C does: it writes down what it has done."""
        if program.child.returncode is None:
            os.kill(program.child.pid, signal.SIGINT)
            await program.child.ended(_END_WITHIN)
        await program.child.end()
        if program.watch is not None:
            await asyncio.wait([program.watch], timeout=_END_WITHIN)
