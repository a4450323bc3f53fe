"""The topics of one device."""

import re
from dataclasses import dataclass


def slug(device: str) -> str:
    """Return a device id as a part of a topic, and of Home Assistant's ids: letters, digits, ``_`` and ``-``."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", device)[:64] or "_"


@dataclass(frozen=True)
class Topics:
    """``prefix/<slug>/…``, and the topic of the device's description below Home Assistant's prefix."""

    prefix: str
    discovery: str
    slug: str

    @property
    def config(self) -> str:
        """The topic of the description."""
        return f"{self.discovery}/device/{self.unique}/config"

    @property
    def unique(self) -> str:
        """The device's id in Home Assistant."""
        return f"{self.prefix.replace('/', '_')}_{self.slug}"

    def of(self, name: str) -> str:
        """Return the topic of a state or an event."""
        return f"{self.prefix}/{self.slug}/{name}"

    def command(self, name: str) -> str:
        """Return the topic of a command."""
        return f"{self.of(name)}/set"

    def retained(self) -> list[str]:
        """Return all topics on which something may be kept."""
        return [self.config, self.of("available"), self.of("state"), self.of("light")]
