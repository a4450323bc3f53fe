"""Section ``[turns]``: what the host keeps of the last turns besides their words."""

from dataclasses import dataclass
from typing import Annotated

from posewire.config import between, check_rules
from posewire.errors import ConfigError


@dataclass(frozen=True)
class TurnSettings:
    """Section ``[turns]``. Megabytes are of 2**20 bytes."""

    sound: bool = False
    """Keep the sound of the last turns in memory, to be played again; what is kept is lost when it is turned off."""

    max_mb: Annotated[int, between(1, 4096, "megabytes")] = 64
    """Bytes of all devices' sound together; beyond it the oldest is forgotten."""

    device_mb: Annotated[int, between(1, 1024, "megabytes")] = 4
    """Bytes of one device's sound; beyond it that device's oldest is forgotten."""

    def __post_init__(self) -> None:
        check_rules(self)
        if self.device_mb > self.max_mb:
            raise ConfigError(f"device_mb must be at most max_mb, which is {self.max_mb}, not {self.device_mb}")
