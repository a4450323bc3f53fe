"""Section ``[rooms]`` of the settings: the limits."""

from dataclasses import dataclass

from posewire.errors import ConfigError

_SLOTS = 255


@dataclass(frozen=True)
class RoomSettings:
    """How many rooms a host holds, how many members a room, and after how long a silent room is closed (0: never)."""

    max_rooms: int = 256
    max_members: int = 64
    idle_timeout: float = 3600.0

    def __post_init__(self) -> None:
        if self.max_rooms <= 0:
            raise ConfigError(f"[rooms] max_rooms must be more than 0, is {self.max_rooms}")
        if not 0 < self.max_members <= _SLOTS:
            raise ConfigError(f"[rooms] max_members must be 1 to {_SLOTS}, is {self.max_members}")
        if self.idle_timeout < 0:
            raise ConfigError(f"[rooms] idle_timeout must be 0 (never) or more, is {self.idle_timeout}")
