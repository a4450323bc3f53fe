"""The voiceprints of enrolled people: vectors in the store, never sound; made only when an operator asks."""

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from posewire.errors import WireError
from posewire.log import EventLog
from posewire.sound.pcm import Pcm
from posewire.store import Domain, Store
from posewire.store.rows import readable
from posewire.voice.voiceprint.base import Vector, VoiceprintEngine, best_match

MAX_VOICEPRINTS = 100
MAX_NAME = 40
ENROL_UTTERANCES = 3
_PENDING_SECONDS = 600.0

TABLES = Domain(
    "voiceprints",
    (
        """
        CREATE TABLE voiceprints (
            name TEXT NOT NULL,
            engine TEXT NOT NULL,
            vector BLOB NOT NULL,
            samples INTEGER NOT NULL,
            enrolled REAL NOT NULL,
            PRIMARY KEY (name, engine)
        );
        """,
    ),
)


@dataclass
class _Enrolment:
    """A person whose next utterances on a device make the voiceprint."""

    name: str
    wanted: int
    until: float
    vectors: list[Vector] = field(default_factory=list)


class Voiceprints:
    """Part of the host's services; the ``VoiceIdentifier`` of its voice sessions."""

    def __init__(self, engine: VoiceprintEngine, store: Store) -> None:
        self.engine = engine
        self._store = store
        self._known: dict[str, Vector] | None = None
        self._pending: dict[str, _Enrolment] = {}
        self._log = EventLog()

    async def names(self) -> list[str]:
        """Return the names of the enrolled people."""
        return sorted(await self._vectors())

    def enrol_next(self, device: str, name: str, utterances: int = ENROL_UTTERANCES) -> None:
        """Take the next utterances on a device, within ten minutes, as this person's.

        Raises:
            WireError: the name is empty or too long, or the number is out of range.
        """
        _check_name(name)
        if not 1 <= utterances <= 10:
            raise WireError("utterances must be between 1 and 10")
        self._pending[device] = _Enrolment(name, utterances, time.monotonic() + _PENDING_SECONDS)

    async def enrol(self, name: str, pcm: Pcm) -> None:
        """Enrol a person from a recording, in place of an older voiceprint of the name.

        Raises:
            WireError: the name is empty or too long, there is too little speech, or there are too many voiceprints.
            ProviderError: the engine failed.
            StoreError: the store failed.
        """
        _check_name(name)
        vector = await self.engine.embed(pcm)
        if vector is None:
            raise WireError("there is too little speech in the recording: say a few sentences")
        await self._keep(name, [vector])

    async def erase(self, name: str) -> bool:
        """Erase a person's voiceprint; False when there was none.

        Raises:
            StoreError: the store failed.
        """
        count = await self._store.run(
            lambda connection: connection.execute("DELETE FROM voiceprints WHERE name = ?", (name,)).rowcount
        )
        self._known = None
        return count > 0

    async def identify(self, device: str, pcm: Pcm) -> str:
        """Return the name of the person who spoke an utterance, empty if not known; where asked for, enrol them first.

        Raises:
            ProviderError: the engine failed.
            StoreError: the store failed.
        """
        enrolment = self._pending.get(device)
        if enrolment is not None and enrolment.until < time.monotonic():
            del self._pending[device]
            enrolment = None
        known = await self._vectors()
        if enrolment is None and not known:
            # Nobody asked for it: no vector is made of the voice.
            return ""
        vector = await self.engine.embed(pcm)
        if vector is None:
            return ""
        if enrolment is not None:
            enrolment.vectors.append(vector)
            if len(enrolment.vectors) >= enrolment.wanted:
                self._pending.pop(device, None)
                await self._keep(enrolment.name, enrolment.vectors)
            return enrolment.name
        match = best_match(self.engine, vector, known)
        if match is not None:
            self._log.info("voice_identified", device=device, name=match.name, score=match.score)
        return match.name if match is not None else ""

    # --- inside

    async def _vectors(self) -> Mapping[str, Vector]:
        if self._known is None:
            rows = await self._store.run(
                lambda connection: connection.execute(
                    "SELECT name, vector FROM voiceprints WHERE engine = ?", (self.engine.name,)
                ).fetchall()
            )
            self._known = dict(readable(rows, _voiceprint, "voiceprint"))
        return self._known

    async def _keep(self, name: str, vectors: list[Vector]) -> None:
        mean = np.mean(vectors, axis=0).astype("<f4").tobytes()
        row = (name, self.engine.name, mean, len(vectors), time.time())

        def work(connection: sqlite3.Connection) -> None:
            count = connection.execute("SELECT count(*) FROM voiceprints WHERE name != ?", (name,)).fetchone()[0]
            if count >= MAX_VOICEPRINTS:
                raise WireError(f"{count} people are enrolled already", "too_many")
            connection.execute("INSERT OR REPLACE INTO voiceprints VALUES (?, ?, ?, ?, ?)", row)

        await self._store.run(work)
        self._known = None
        self._log.info("enrolled", name=name, samples=len(vectors))


def _voiceprint(name: str, vector: bytes) -> tuple[str, Vector]:
    return str(name), np.frombuffer(vector, "<f4")


def _check_name(name: str) -> None:
    if not 0 < len(name.strip()) <= MAX_NAME or not name.isprintable():
        raise WireError(f"the name must have 1 to {MAX_NAME} printable characters")
