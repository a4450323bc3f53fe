"""Sections ``[alerts]`` and ``[tracing]``."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from posewire.config import at_least, begins_with, check_rules, read_secret

WEBHOOK_VARIABLE = "POSEWIRE_ALERT_WEBHOOK"


@dataclass(frozen=True)
class AlertSettings:
    """Section ``[alerts]``: thresholds (0: off), how long one must be crossed, and where alerts are posted.

    Whoever knows the address of a webhook can post to it: it is a secret.
    """

    hold: Annotated[float, at_least(0, "seconds")] = 10.0
    latency_ms: Annotated[float, at_least(0, "milliseconds (0: off)")] = 50.0
    loop_lag_ms: Annotated[float, at_least(0, "milliseconds (0: off)")] = 100.0
    loss: Annotated[float, at_least(0, "(0: off)")] = 0.05
    cpu: Annotated[float, at_least(0, "(0: off)")] = 0.95
    memory_growth_mb: Annotated[float, at_least(0, "megabytes (0: off)")] = 100.0
    memory_leak_mb: Annotated[float, at_least(0, "megabytes (0: off)")] = 100.0
    send_failures: Annotated[float, at_least(0, "a second (0: off)")] = 5.0
    min_frame_rate: Annotated[float, at_least(0, "poses a second (0: off)")] = 0.0
    webhook: Annotated[str, begins_with("http://", "https://")] = field(default="", repr=False)
    webhook_file: str = ""

    def __post_init__(self) -> None:
        check_rules(self)

    def with_secret(self) -> "AlertSettings":
        """Return the settings with the webhook of the file, or of the variable POSEWIRE_ALERT_WEBHOOK.

        Raises:
            ConfigError: the file cannot be read.
        """
        if self.webhook and not self.webhook_file:
            return self
        return replace(self, webhook=read_secret("[alerts] webhook_file", self.webhook_file, WEBHOOK_VARIABLE))


@dataclass(frozen=True)
class TracingSettings:
    """Section ``[tracing]``."""

    enabled: bool = False
