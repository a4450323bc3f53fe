"""Limits of the plain HTTP side."""

from dataclasses import dataclass

from posewire.errors import ConfigError


@dataclass(frozen=True)
class HttpSettings:
    """Section ``[http]``. Sizes in bytes, times in seconds."""

    max_connections: int = 200
    max_head: int = 16 * 1024
    max_body: int = 1024 * 1024
    body_timeout: float = 20.0

    def __post_init__(self) -> None:
        for name in ("max_connections", "max_head", "max_body", "body_timeout"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"[http] {name} must be more than 0, is {getattr(self, name)}")
