"""Section ``[push]``: the answers to events that devices report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Annotated

from posewire.config import at_least, check_rules
from posewire.errors import ConfigError


@dataclass(frozen=True)
class EventSettings:
    """Section ``[push.events.NAME]``: what happens when a device reports an event of that name.

    ``say`` and ``ask`` may name values of the event's data: ``"It is {degrees} degrees"``; ``{device}`` is its sender.

    Raises:
        ConfigError: neither or both of them are set, or a placeholder is not a name in braces.
    """

    say: str = ""
    """Said on ``to``."""

    ask: str = ""
    """Taken as if somebody had typed it on the device itself: a command, or a question to the model."""

    to: tuple[str, ...] = ()
    """Device ids, or ``all``; none: the device itself."""

    urgent: bool = False
    pause: Annotated[float, at_least(0, "seconds")] = 2.0
    """Seconds within which another event of the name from the same device is not looked at."""

    def __post_init__(self) -> None:
        check_rules(self)
        if bool(self.say) == bool(self.ask):
            raise ConfigError("must have one of say and ask, not both")
        if self.ask and self.to:
            raise ConfigError("must not have to together with ask: the device itself answers")
        template = self.say or self.ask
        try:
            names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
        except ValueError as error:
            raise ConfigError(f"cannot use {template!r}: {error}") from None
        if not all(name.isidentifier() for name in names):
            raise ConfigError(f"cannot use {template!r}: a placeholder must be a name in braces")


@dataclass(frozen=True)
class PushSettings:
    """Section ``[push]``: the tables ``[push.events.NAME]``, by the event's name."""

    events: Mapping[str, EventSettings] = field(default_factory=dict)
