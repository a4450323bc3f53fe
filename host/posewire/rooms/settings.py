"""Section ``[rooms]`` of the settings: the limits."""

from dataclasses import dataclass

from posewire.errors import ConfigError

_SLOTS = 255


@dataclass(frozen=True)
class RoomSettings:
    """How many rooms a host holds, and how many members a room."""

    max_rooms: int = 256
    max_members: int = 64

    def __post_init__(self) -> None:
        if self.max_rooms <= 0:
            raise ConfigError(f"[rooms] max_rooms must be more than 0, is {self.max_rooms}")
        if not 0 < self.max_members <= _SLOTS:
            raise ConfigError(f"[rooms] max_members must be 1 to {_SLOTS}, is {self.max_members}")
