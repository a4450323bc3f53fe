"""The audit log of pairings, tokens, refusals and orders. Entries are only appended."""

import json
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from posewire.address_group import address_group
from posewire.identity.tables import AUDIT_KEPT
from posewire.log import LogThrottle
from posewire.store import Store
from posewire.store.rows import readable
from posewire.wire.json_text import parse_json


@dataclass(frozen=True)
class AuditEntry:
    """One entry of the log; ``time`` in unix seconds."""

    time: float
    event: str
    who: str
    device: str
    peer: str
    detail: dict[str, Any]


class Audit:
    """Writes entries through the store; nothing waits for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._throttle = LogThrottle()

    def record(self, event: str, who: str, *, device: str = "", peer: str = "", **detail: Any) -> None:
        """Write an entry to the audit log."""
        self._store.post(lambda connection: write_entry(connection, event, who, device=device, peer=peer, **detail))

    def refused(self, code: str, who: str, *, device: str = "", peer: str = "", **detail: Any) -> None:
        """Write that a peer was refused, once for a burst of the same: an attacker must not fill the disk."""
        if self._throttle.admit((code, address_group(peer.rpartition(":")[0]))) is not None:
            self.record(f"refused {code}", who, device=device, peer=peer, **detail)


def write_entry(
    connection: sqlite3.Connection, event: str, who: str, *, device: str = "", peer: str = "", **detail: Any
) -> None:
    """Write an entry in the transaction of other work: it is stored exactly when that work is."""
    text = json.dumps(detail, ensure_ascii=False, default=str)
    row = connection.execute(
        "INSERT INTO audit (time, event, who, device, peer, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (time.time(), event, who, device, peer, text),
    ).lastrowid
    if row is not None and row % 1000 == 0:
        connection.execute("DELETE FROM audit WHERE id <= ?", (row - AUDIT_KEPT,))


def read_entries(connection: sqlite3.Connection, last: int) -> list[AuditEntry]:
    """Return the newest entries, oldest first."""
    rows = connection.execute(
        "SELECT time, event, who, device, peer, detail FROM audit ORDER BY id DESC LIMIT ?", (last,)
    ).fetchall()
    return readable(reversed(rows), _entry, "audit entry")


def _entry(when: float, event: str, who: str, device: str, peer: str, detail: str) -> AuditEntry:
    return AuditEntry(float(when), event, who, device, peer, dict(parse_json(detail)))
