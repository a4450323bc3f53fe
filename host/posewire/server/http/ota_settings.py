"""What stock devices are told when they ask for their server."""

from dataclasses import dataclass

from posewire.errors import ConfigError


@dataclass(frozen=True)
class OtaSettings:
    """Section ``[ota]``. ``websocket_url``: what devices are told, where it is not the address they asked at.

    ``frame_protocol``: the framing that they are told to use, 1, 2 or 3.
    """

    websocket_url: str = ""
    frame_protocol: int = 1

    def __post_init__(self) -> None:
        if self.frame_protocol not in (1, 2, 3):
            raise ConfigError(f"[ota] frame_protocol must be 1, 2 or 3, is {self.frame_protocol}")
        if self.websocket_url and not self.websocket_url.startswith(("ws://", "wss://")):
            raise ConfigError(f"[ota] websocket_url must begin with ws:// or wss://, is {self.websocket_url}")
