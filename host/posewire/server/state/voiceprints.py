"""The enrolled speakers of a host: vectors in the store, never their sound; enrolled only when an operator asks."""

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posewire.errors import WireError
from posewire.log import EventLog
from posewire.store import Domain, Store
from posewire.voice.voiceprint.base import Vector, VoiceprintEngine, best_match

MAX_SPEAKERS = 100
MAX_NAME = 40
ENROL_UTTERANCES = 3
_PENDING_SECONDS = 600.0

TABLES = Domain(
    "speakers",
    (
        """
        CREATE TABLE speakers (
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
    """Somebody whose next utterances on a device make the vector."""

    name: str
    wanted: int
    until: float
    vectors: list[Vector] = field(default_factory=list)


class Speakers:
    """Part of the host's services; the ``Identifier`` of its sessions."""

    def __init__(self, engine: VoiceprintEngine, store: Store) -> None:
        self.engine = engine
        self._store = store
        self._known: dict[str, Vector] | None = None
        self._pending: dict[str, _Enrolment] = {}
        self._log = EventLog()

    async def names(self) -> list[str]:
        """Return who is enrolled."""
        return sorted(await self._speakers())

    def enrol_next(self, device: str, name: str, utterances: int = ENROL_UTTERANCES) -> None:
        """Take the next utterances on a device as this speaker's, within ten minutes.

        Raises:
            WireError: no name, or a number that makes no sense.
        """
        _check_name(name)
        if not 1 <= utterances <= 10:
            raise WireError("utterances is 1 to 10")
        self._pending[device] = _Enrolment(name, utterances, time.monotonic() + _PENDING_SECONDS)

    async def enrol(self, name: str, pcm: NDArray[np.int16]) -> None:
        """Enrol a speaker from a recording, in place of an older one of the name.

        Raises:
            WireError: no name, too little speech, or too many speakers.
            ProviderError: the engine failed.
            StoreError: the store failed.
        """
        _check_name(name)
        vector = await self.engine.embed(pcm)
        if vector is None:
            raise WireError("there is too little speech in this: a few sentences are needed")
        await self._keep(name, [vector])

    async def forget(self, name: str) -> bool:
        """Erase a speaker; False when there was none.

        Raises:
            StoreError: the store failed.
        """
        count = await self._store.run(
            lambda connection: connection.execute("DELETE FROM speakers WHERE name = ?", (name,)).rowcount
        )
        self._known = None
        return count > 0

    async def heard(self, device: str, pcm: NDArray[np.int16]) -> str:
        """Take an utterance: enrol its speaker if that was asked for, else tell who it is (empty: nobody known).

        Raises:
            ProviderError: the engine failed.
            StoreError: the store failed.
        """
        enrolment = self._pending.get(device)
        if enrolment is not None and enrolment.until < time.monotonic():
            del self._pending[device]
            enrolment = None
        speakers = await self._speakers()
        if enrolment is None and not speakers:
            # Nobody asked for it: the voice is not even looked at.
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
        match = best_match(self.engine, vector, speakers)
        if match is not None:
            self._log.info("speaker", device=device, name=match.name, score=match.score)
        return match.name if match is not None else ""

    # --- inside

    async def _speakers(self) -> Mapping[str, Vector]:
        if self._known is None:
            rows = await self._store.run(
                lambda connection: connection.execute(
                    "SELECT name, vector FROM speakers WHERE engine = ?", (self.engine.name,)
                ).fetchall()
            )
            self._known = {name: np.frombuffer(vector, "<f4") for name, vector in rows}
        return self._known

    async def _keep(self, name: str, vectors: list[Vector]) -> None:
        mean = np.mean(vectors, axis=0).astype("<f4").tobytes()
        row = (name, self.engine.name, mean, len(vectors), time.time())

        def work(connection: sqlite3.Connection) -> None:
            count = connection.execute("SELECT count(*) FROM speakers WHERE name != ?", (name,)).fetchone()[0]
            if count >= MAX_SPEAKERS:
                raise WireError(f"{count} speakers are enrolled already", "too_many")
            connection.execute("INSERT OR REPLACE INTO speakers VALUES (?, ?, ?, ?, ?)", row)

        await self._store.run(work)
        self._known = None
        self._log.info("enrolled", name=name, samples=len(vectors))


def _check_name(name: str) -> None:
    if not 0 < len(name.strip()) <= MAX_NAME or not name.isprintable():
        raise WireError(f"a speaker's name has 1 to {MAX_NAME} characters")
