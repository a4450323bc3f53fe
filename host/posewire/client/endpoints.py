"""The addresses of a host, or of several that stand in for each other."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from posewire.errors import ConfigError
from posewire.jitsi.address import is_conference, read_address


@dataclass
class Endpoint:
    """One address, and how it was used. ``weight``: how often it comes first among several.

    0: a stand-by: it is used only while no other answers, and is left when one does again.

    ``attempts``, ``failures``: of connecting. ``connected_s``: seconds that connections to it lasted, ended ones only.
    """

    url: str
    weight: float = 1.0
    attempts: int = 0
    failures: int = 0
    connected_s: float = 0.0
    last_error: str = ""
    failed_at: float | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if is_conference(self.url):
            read_address(self.url)
        elif not self.url.startswith(("ws://", "wss://")):
            raise ConfigError(f"the host's URL must begin with ws:// or wss:// (or jitsi+wss://), not {self.url!r}")
        if self.weight < 0:
            raise ConfigError(f"the weight of {self.url} must be 0 or more, is {self.weight}")

    @property
    def shown(self) -> str:
        """The address as a message has it, short."""
        return self.url.partition("#")[0]

    def failed(self, error: BaseException) -> None:
        """Count an attempt that failed."""
        self.failures += 1
        self.last_error = str(error)
        self.failed_at = monotonic()

    def succeeded(self) -> None:
        """Forget the failures before: it is as good as any other again."""
        self.failed_at = None
        self.last_error = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the address and its counts for JSON."""
        return {
            "url": self.url, "weight": self.weight, "attempts": self.attempts, "failures": self.failures,
            "connected_s": self.connected_s, "last_error": self.last_error,
        }  # fmt: skip


class Endpoints:
    """Chooses among addresses: by weight, and those that failed last."""

    def __init__(self, endpoints: Sequence[Endpoint], chance: random.Random | None = None) -> None:
        if not endpoints:
            raise ConfigError("a connection needs the URL of a host")
        if len({endpoint.url for endpoint in endpoints}) != len(endpoints):
            raise ConfigError("the same URL of a host must not be given twice")
        self.all = tuple(endpoints)
        self._random = chance or random.Random()

    @property
    def has_stand_by(self) -> bool:
        """Whether some are preferred, and others stand by."""
        return len({endpoint.weight > 0 for endpoint in self.all}) > 1

    def round(self) -> Iterator[Endpoint]:
        """Iterate over all addresses once: those that did not fail by weight, then the others, longest ago first."""
        good = [endpoint for endpoint in self.all if endpoint.failed_at is None]
        bad = sorted(
            (endpoint for endpoint in self.all if endpoint.failed_at is not None),
            key=lambda endpoint: endpoint.failed_at or 0.0,
        )
        # A random key to the power of 1/weight draws by weight without putting back (Efraimidis and Spirakis, 2006).
        keyed = {id(e): self._random.random() ** (1 / e.weight) if e.weight else -1.0 for e in good}
        yield from sorted(good, key=lambda endpoint: -keyed[id(endpoint)])
        yield from bad


def read_endpoints(urls: str | Sequence[str | Endpoint]) -> Endpoints:
    """Make addresses from a URL, or from several URLs and endpoints.

    Raises:
        ConfigError: none, one twice, or one that is not a WebSocket's.
    """
    listed = [urls] if isinstance(urls, str) else list(urls)
    return Endpoints([Endpoint(entry) if isinstance(entry, str) else entry for entry in listed])
