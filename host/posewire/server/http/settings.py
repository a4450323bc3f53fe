"""Sections ``[http]``, ``[ota]``, ``[socketio]``: limits of plain HTTP, answers to stock devices, Socket.IO."""

from dataclasses import dataclass
from typing import Annotated, Literal

from posewire.config import begins_with, check_rules, more_than


@dataclass(frozen=True)
class HttpSettings:
    """Section ``[http]``. Sizes in bytes, times in seconds."""

    max_connections: Annotated[int, more_than(0)] = 200
    max_head: Annotated[int, more_than(0, "bytes")] = 16 * 1024
    max_body: Annotated[int, more_than(0, "bytes")] = 1024 * 1024
    body_timeout: Annotated[float, more_than(0, "seconds")] = 20.0

    def __post_init__(self) -> None:
        check_rules(self)


@dataclass(frozen=True)
class OtaSettings:
    """Section ``[ota]``: the answers to stock devices that ask for their server.

    ``websocket_url``: the address that they get, where it is not the one they asked at. ``frame_protocol``: the
    framing that they are told to use.
    """

    websocket_url: Annotated[str, begins_with("ws://", "wss://")] = ""
    frame_protocol: Literal[1, 2, 3] = 1

    def __post_init__(self) -> None:
        check_rules(self)


@dataclass(frozen=True)
class GatewaySettings:
    """Section ``[socketio]``. ``max_clients``: decoding poses for them is work for the host, so they are fewer."""

    enabled: bool = False
    max_clients: Annotated[int, more_than(0)] = 64

    def __post_init__(self) -> None:
        check_rules(self)
