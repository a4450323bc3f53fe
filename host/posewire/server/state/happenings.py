"""What happens on devices, for whoever wants to know: a word that woke one, a turn that is over, an event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Happening:
    """Something that has happened on a device. ``kind``: ``wake``, ``turn`` or ``event``."""

    device: str
    kind: str
    type: str
    """What of the kind: how the device was woken, how the turn ended, the event's name."""

    data: Mapping[str, Any] = field(default_factory=dict)


class Happenings:
    """Tells all listeners at once; they must return at once, and raise nothing."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Happening], None]] = []

    def tell(self, device: str, kind: str, type: str, **data: Any) -> None:
        """Tell that something has happened."""
        if self.listeners:
            happening = Happening(device, kind, type, data)
            for listener in self.listeners:
                listener(happening)
