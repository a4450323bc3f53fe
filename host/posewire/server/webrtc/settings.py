"""Section ``[webrtc]``: data channels for poses."""

from dataclasses import dataclass
from typing import Annotated

from posewire.config import check_rules, more_than


@dataclass(frozen=True)
class WebRtcSettings:
    """Section ``[webrtc]``. ``max_channels``: each costs encryption and a UDP port, so they are fewer."""

    enabled: bool = False
    max_channels: Annotated[int, more_than(0)] = 64

    def __post_init__(self) -> None:
        check_rules(self)
