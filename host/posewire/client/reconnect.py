"""When to try again after a lost connection, and when to give up."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from posewire.errors import ConfigError

Strategy = Callable[[int], float | None]
"""Takes the number of the attempt (1, 2, …); returns the seconds to wait before it, None to give up."""


@dataclass(frozen=True)
class FixedDelay:
    """Waits the same time before each attempt. ``seconds``: 0 or more."""

    seconds: float = 1.0

    def __call__(self, attempt: int) -> float:
        """Return the pause before an attempt."""
        return self.seconds


@dataclass(frozen=True)
class ExponentialBackoff:
    """Waits a random time between 0 and a length that doubles, up to ``longest`` (full jitter).

    So many programs that lost the same host do not come back at the same moment.
    """

    first: float = 0.1
    longest: float = 1.5
    chance: random.Random = field(default_factory=random.Random, repr=False)

    def __call__(self, attempt: int) -> float:
        """Return the pause before an attempt."""
        # The exponent is bounded: a float has no 2 to the power of 1024.
        return self.chance.uniform(0, min(self.longest, self.first * 2.0 ** min(attempt - 1, 64)))


@dataclass(frozen=True)
class ReconnectPolicy:
    """The policy by which a lost connection is opened again.

    ``attempts``: at most so many in a row (0: no limit); ``total_s``: for at most so long (0: no limit). ``return_s``:
    how often, while a stand-by is in use (``Endpoint``), those that are preferred are tried.
    """

    strategy: Strategy = field(default_factory=ExponentialBackoff)
    attempts: int = 0
    total_s: float = 0.0
    return_s: float = 30.0

    def __post_init__(self) -> None:
        if not callable(self.strategy):
            raise ConfigError(
                "reconnect must be a ReconnectPolicy, or a strategy: FixedDelay, ExponentialBackoff, or a function "
                f"from the number of the attempt to seconds; not {self.strategy!r}"
            )

    def pause(self, attempt: int, away_s: float) -> float | None:
        """Return the seconds to wait before an attempt; None: give up. ``away_s``: how long it has been lost."""
        if self.attempts and attempt > self.attempts:
            return None
        pause = self.strategy(attempt)
        if pause is None or (self.total_s and away_s + pause > self.total_s):
            return None
        return pause


NO_RECONNECT = ReconnectPolicy(lambda attempt: None)
"""A lost connection stays lost."""


def policy_of(given: ReconnectPolicy | Strategy | None) -> ReconnectPolicy:
    """Return the policy that a program means; a strategy alone has no limits.

    Raises:
        ConfigError: it is neither.
    """
    if given is None:
        return ReconnectPolicy()
    return given if isinstance(given, ReconnectPolicy) else ReconnectPolicy(given)
