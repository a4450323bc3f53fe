"""Where upstream is."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from posewire.errors import ConfigError

TOKEN_VARIABLE = "POSEWIRE_UPSTREAM_TOKEN"  # noqa: S105 - the name of a variable, not a secret


@dataclass(frozen=True)
class UpstreamSettings:
    """Section ``[upstream]``. ``url``: a stock server's WebSocket; empty: this host is the assistant itself.

    ``ota_url`` instead: where that server tells each device its WebSocket and its token.
    ``tries``: attempts to connect again when upstream is lost in the middle of a turn.
    """

    url: str = ""
    ota_url: str = ""
    token_file: str = ""
    tries: int = 4
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("ws://", "wss://")):
            raise ConfigError(f"[upstream] url must begin with ws:// or wss://, is {self.url}")
        if self.ota_url and not self.ota_url.startswith(("http://", "https://")):
            raise ConfigError(f"[upstream] ota_url must begin with http:// or https://, is {self.ota_url}")
        if self.tries < 1:
            raise ConfigError(f"[upstream] tries must be 1 or more, is {self.tries}")

    @property
    def wanted(self) -> bool:
        """Whether there is an upstream server."""
        return bool(self.url or self.ota_url)

    def with_secret(self) -> "UpstreamSettings":
        """Return the settings with the token of the file, or of the variable POSEWIRE_UPSTREAM_TOKEN.

        Raises:
            ConfigError: the file cannot be read.
        """
        if not self.token_file:
            return replace(self, token=self.token or os.environ.get(TOKEN_VARIABLE, ""))
        try:
            return replace(self, token=Path(self.token_file).expanduser().read_text(encoding="utf-8").strip())
        except OSError as error:
            raise ConfigError(f"[upstream] token_file {self.token_file}: {error.strerror}") from None
