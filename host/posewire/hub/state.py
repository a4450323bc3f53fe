"""A state that several sides mirror: patches have an id and a base version; a stale mirror gets the whole state.

One side owns it (``SharedState``), the others hold a ``StateMirror``. Changes are JSON merge patches (RFC 7396).
"""

import json
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from posewire.wire.merge_patch import apply_patch, make_patch

Json = dict[str, Any]

HISTORY = 64
"""Number of patches kept for mirrors that were away for a moment; together they have at most ``MAX_BYTES``."""

MAX_BYTES = 48 * 1024
"""Largest size of a whole state as JSON, in bytes: it must fit into one message."""


class StateError(ValueError):
    """A change is not possible. ``stale``: it was made from a version that is not the newest."""

    def __init__(self, message: str, stale: bool = False) -> None:
        super().__init__(message)
        self.stale = stale


class _Patch(NamedTuple):
    patch_id: str
    base: int
    changes: Json
    size: int
    """Bytes of the changes as JSON."""


class SharedState:
    """The owner's side. Each change makes the next version and goes to ``publish`` as a message."""

    def __init__(
        self,
        name: str,
        publish: Callable[[Json], None] | None = None,
        value: Mapping[str, Any] | None = None,
        version: int | None = None,
        admit: Callable[[int], None] | None = None,
    ) -> None:
        """``admit``: is called with the bytes that a change adds at most, before it is made; raises StateError."""
        self.name = name
        self._admit = admit
        # Never below what an earlier owner of the name had reached: its mirrors must notice that this is another state.
        self.version = time.time_ns() // 1_000_000 if version is None else version
        self.value: Json = dict(value or {})
        self._publish = publish
        self._history: deque[_Patch] = deque()
        self._applied: deque[str] = deque(maxlen=HISTORY)
        self._value_size, self._history_size = len(json.dumps(self.value)), 0

    def set(self, value: Mapping[str, Any]) -> bool:
        """Set the state to a value; False when it has that value already."""
        changes = make_patch(self.value, value)
        if not changes:
            return False
        self.patch(changes)
        return True

    def patch(self, changes: Mapping[str, Any], *, base: int | None = None, patch_id: str = "") -> int:
        """Apply a merge patch and return the new version. A patch whose id was applied already changes nothing.

        Raises:
            StateError: ``base`` is given and not the newest version (stale), or the state becomes too large, or all
                states of its owner do.
        """
        if patch_id and patch_id in self._applied:
            return self.version
        if base is not None and base != self.version:
            raise StateError(f'"{self.name}" is at version {self.version}, the patch was made from {base}', stale=True)
        value = apply_patch(self.value, changes)
        size = len(json.dumps(value))
        if size > MAX_BYTES:
            raise StateError(f'"{self.name}" would have {size} bytes; it must have at most {MAX_BYTES}')
        # Both are written out before anything changes: a change that could not be sent to anybody is none.
        patch = _Patch(patch_id or uuid.uuid4().hex[:12], self.version, dict(changes), len(json.dumps(changes)))
        growth = size - self._value_size + patch.size
        if self._admit is not None and growth > 0:
            self._admit(growth)
        self.value, self._value_size = value, size
        self.version += 1
        self._remember(patch)
        if self._publish is not None:
            self._publish(self._message(patch))
        return self.version

    @property
    def held_bytes(self) -> int:
        """Bytes of the state and of the patches that are kept, as JSON."""
        return self._value_size + self._history_size

    def whole(self) -> Json:
        """Return the message with the whole state."""
        return {"type": "state", "name": self.name, "version": self.version, "value": self.value}

    def since(self, version: int | None) -> list[Json]:
        """Return the messages that bring a mirror of that version up to date: patches, or the whole state."""
        if version == self.version:
            return []
        missing = [patch for patch in self._history if version is not None and patch.base >= version]
        if not missing or missing[0].base != version:
            return [self.whole()]
        return [self._message(patch) for patch in missing]

    def _remember(self, patch: _Patch) -> None:
        self._applied.append(patch.patch_id)
        self._history.append(patch)
        self._history_size += patch.size
        while len(self._history) > HISTORY or self._history_size > MAX_BYTES:
            self._history_size -= self._history.popleft().size

    def _message(self, patch: _Patch) -> Json:
        return {
            "type": "state",
            "name": self.name,
            "patch": patch.patch_id,
            "base": patch.base,
            "version": patch.base + 1,
            "changes": patch.changes,
        }


class StateMirror:
    """The other side. It takes the ``state`` messages of one name."""

    def __init__(self) -> None:
        self.version: int | None = None
        """The version held; None before the first whole state."""
        self.value: Json = {}

    def apply(self, message: Mapping[str, Any]) -> bool:
        """Apply a message; False when its base is not the version held: then ask for the whole (``docs/wire.md``)."""
        if "value" in message:
            self.value, self.version = dict(message["value"]), message["version"]
            return True
        if self.version is not None and message["version"] <= self.version:
            return True
        if message["base"] != self.version:
            return False
        self.value, self.version = apply_patch(self.value, message["changes"]), message["version"]
        return True
