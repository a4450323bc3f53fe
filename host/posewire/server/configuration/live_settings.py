"""Which settings a running host takes over, and what a new configuration changes."""

from dataclasses import fields, replace
from typing import Any

from posewire.server.settings import Settings

LIVE = {
    "server": frozenset(
        {"max_connections", "max_per_address", "max_memory_mb", "max_message", "hello_timeout", "resume_window"}
    ),
    "auth": None,
    "flood": None,
    "rooms": None,
    "alerts": None,
    "turns": None,
}
"""Sections whose settings take effect at once (None: all of them). Limits of a connection count for new connections."""


def merge(now: Settings, wanted: Settings) -> tuple[Settings, list[str], list[str]]:
    """Return the settings in force from now on, the names of those that changed, and of those that need a restart."""
    live: list[str] = []
    later: list[str] = []
    sections: dict[str, Any] = {}
    for entry in fields(Settings):
        name = entry.name
        old, new = getattr(now, name), getattr(wanted, name)
        if old == new:
            continue
        if name not in LIVE:
            later.append(f"[{name}]")
            continue
        allowed = LIVE[name]
        changes = {}
        for setting in fields(old):
            value = getattr(new, setting.name)
            if value == getattr(old, setting.name):
                continue
            if allowed is None or setting.name in allowed:
                changes[setting.name] = value
                # Texts may be secrets (a token, a webhook's address), and this is logged and sent: numbers are not.
                live.append(f"[{name}] {setting.name}{f' = {value}' if isinstance(value, int | float) else ''}")
            else:
                later.append(f"[{name}] {setting.name}")
        sections[name] = replace(old, **changes)
    return replace(now, **sections), live, later
