"""The tables of identities: devices, issued tokens, pairing codes, the host's own key, the audit log."""

from posewire.store import Domain

IDENTITY = Domain(
    "identity",
    (
        """
        CREATE TABLE devices (
            device_id TEXT PRIMARY KEY, client_id TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL,
            paired REAL NOT NULL, revoked REAL);
        CREATE TABLE tokens (
            id TEXT PRIMARY KEY, hash BLOB NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, device_id TEXT NOT NULL,
            scopes TEXT NOT NULL, issued REAL NOT NULL, expires REAL, revoked REAL);
        CREATE TABLE pairings (
            code TEXT PRIMARY KEY, device_id TEXT NOT NULL, client_id TEXT NOT NULL, challenge TEXT NOT NULL,
            board TEXT NOT NULL, peer TEXT NOT NULL, expires REAL NOT NULL, UNIQUE (device_id, client_id));
        CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
        """,
        # The challenge of the pairing; empty for devices that were paired before there was this column.
        "ALTER TABLE devices ADD COLUMN generation TEXT NOT NULL DEFAULT '';",
        # Names that were given later, also to devices that were never paired.
        "CREATE TABLE names (device_id TEXT PRIMARY KEY, name TEXT NOT NULL);",
        # Devices that somebody did not want to pair, until when they get no new code.
        """
        CREATE TABLE refusals (
            device_id TEXT NOT NULL, client_id TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (device_id, client_id));
        """,
    ),
)

AUDIT_KEPT = 100_000
"""Entries of the audit log that nothing can delete; older ones are pruned."""

AUDIT = Domain(
    "audit",
    (
        f"""
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, event TEXT NOT NULL, who TEXT NOT NULL,
            device TEXT NOT NULL, peer TEXT NOT NULL, detail TEXT NOT NULL);
        CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
            BEGIN SELECT raise(ABORT, 'the audit log is append only'); END;
        CREATE TRIGGER audit_kept BEFORE DELETE ON audit WHEN old.id > (SELECT max(id) FROM audit) - {AUDIT_KEPT}
            BEGIN SELECT raise(ABORT, 'the audit log is append only'); END;
        """,  # noqa: S608 - a number of ours
    ),
)

STORED = (IDENTITY, AUDIT)
"""The tables that the commands about identities open."""
