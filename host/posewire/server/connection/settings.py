"""Section ``[flood]``: limits of the messages of one connection."""

from dataclasses import dataclass
from typing import Annotated

from posewire.config import at_least, check_rules


@dataclass(frozen=True)
class FloodSettings:
    """Section ``[flood]``: messages a second that one connection may send for long, and at once. Rate 0: no limit."""

    text_rate: Annotated[float, at_least(0, "messages a second")] = 100.0
    text_burst: Annotated[int, at_least(1, "message")] = 400
    audio_rate: Annotated[float, at_least(0, "messages a second")] = 250.0
    audio_burst: Annotated[int, at_least(1, "message")] = 1000
    pose_rate: Annotated[float, at_least(0, "messages a second")] = 600.0
    pose_burst: Annotated[int, at_least(1, "message")] = 1200

    def __post_init__(self) -> None:
        check_rules(self)
