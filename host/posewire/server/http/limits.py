"""The limits on requests of one kind."""

import asyncio
from dataclasses import dataclass, field

from posewire.server.rate_limit import RateLimit


@dataclass(frozen=True)
class RequestLimits:
    """Requests a minute; part of the HTTP side."""

    ota_device: RateLimit = field(default_factory=lambda: RateLimit(30))
    """OTA requests of one device: while it waits for its pairing, it sends one every three seconds."""

    ota_address: RateLimit = field(default_factory=lambda: RateLimit(1000))
    """OTA requests of all devices of one address: behind a router there may be a whole class of them."""

    pairing_codes: RateLimit = field(default_factory=lambda: RateLimit(40))
    """New pairing codes for one address: fewer than may wait at a time, in their ten minutes."""

    pairing: RateLimit = field(default_factory=lambda: RateLimit(10))
    """Attempts of one address to pair a device: six digits must not be guessed."""

    sign_in: RateLimit = field(default_factory=lambda: RateLimit(20))
    """Wrong tokens with which pages of one address try to sign in; of this machine's own, too."""

    exporting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a recording is exported: that takes all of a processor."""

    compiling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the firmware is compiled for a new board: one at a time is enough for the machine."""
