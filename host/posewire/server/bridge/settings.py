"""Section ``[upstream]``: the address of the stock server that is the assistant."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from posewire.config import at_least, begins_with, check_rules, read_secret

TOKEN_VARIABLE = "POSEWIRE_UPSTREAM_TOKEN"  # noqa: S105 - the name of a variable, not a secret


@dataclass(frozen=True)
class UpstreamSettings:
    """Section ``[upstream]``. ``url``: a stock server's WebSocket; empty: this host is the assistant itself.

    ``ota_url`` instead: where that server tells each device its WebSocket and its token.
    ``tries``: attempts to connect again when upstream is lost in the middle of a turn.
    """

    url: Annotated[str, begins_with("ws://", "wss://")] = ""
    ota_url: Annotated[str, begins_with("http://", "https://")] = ""
    token_file: str = ""
    tries: Annotated[int, at_least(1)] = 4
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check_rules(self)

    @property
    def wanted(self) -> bool:
        """Whether there is an upstream server."""
        return bool(self.url or self.ota_url)

    def with_secret(self) -> "UpstreamSettings":
        """Return the settings with the token of the file, or of the variable POSEWIRE_UPSTREAM_TOKEN.

        Raises:
            ConfigError: the file cannot be read.
        """
        if self.token and not self.token_file:
            return self
        return replace(self, token=read_secret("[upstream] token_file", self.token_file, TOKEN_VARIABLE))
