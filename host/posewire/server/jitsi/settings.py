"""Section ``[jitsi]``: the conference in which the host can be reached."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from posewire.config import check_rules, more_than, read_secret
from posewire.errors import ConfigError
from posewire.jitsi.address import read_address

TOKEN_VARIABLE = "POSEWIRE_JITSI_TOKEN"  # noqa: S105 - the name of a variable, not a secret


@dataclass(frozen=True)
class JitsiSettings:
    """Section ``[jitsi]``. ``url``: ``jitsi+wss://SERVER/ROOM``; empty: off.

    ``token_file``, else the variable POSEWIRE_JITSI_TOKEN: the JWT of a deployment that wants one. ``name``: how the
    host is called in the conference. ``certificate``: the file of its certificate there; empty: beside the store.
    """

    url: str = ""
    name: str = "Posewire host"
    max_clients: Annotated[int, more_than(0)] = 32
    token_file: str = ""
    certificate: str = ""
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check_rules(self)
        if self.url:
            try:
                address = read_address(self.url)
            except ConfigError as error:
                raise ConfigError(f"[jitsi] url: {error}") from None
            if address.fingerprint:
                raise ConfigError("[jitsi] url has a fingerprint: that is for programs; the host knows its own")

    def with_secret(self) -> "JitsiSettings":
        """Return the settings with the token of the file, or of the variable POSEWIRE_JITSI_TOKEN.

        Raises:
            ConfigError: the file cannot be read.
        """
        if not self.url or (self.token and not self.token_file):
            return self
        return replace(self, token=read_secret("[jitsi] token_file", self.token_file, TOKEN_VARIABLE))
