"""Section ``[rooms]`` of the settings: the limits."""

from dataclasses import dataclass
from typing import Annotated

from posewire.config import at_least, between, check_rules, more_than

_MAX_MEMBERS = 255


@dataclass(frozen=True)
class RoomSettings:
    """The rooms of a host, the members of a room, and the seconds after which a silent room is closed (0: never).

    ``recordings``: the folder of recordings that are made on the host; empty: ``recordings`` beside the store.
    """

    max_rooms: Annotated[int, more_than(0)] = 256
    max_members: Annotated[int, between(1, _MAX_MEMBERS)] = 64
    idle_timeout: Annotated[float, at_least(0, "seconds (0: never)")] = 3600.0
    recordings: str = ""

    def __post_init__(self) -> None:
        check_rules(self)
