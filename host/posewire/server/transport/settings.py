"""Section ``[mdns]``: the name of the host on the local network."""

from dataclasses import dataclass

from posewire.errors import ConfigError


@dataclass(frozen=True)
class MdnsSettings:
    """Section ``[mdns]``: the name without ``.local``; empty: none is announced."""

    name: str = "posewire"

    def __post_init__(self) -> None:
        plain = self.name.replace("-", "")
        if self.name and not (plain.isascii() and plain.isalnum() and len(self.name) <= 63):
            raise ConfigError(f"name must have 1 to 63 letters, digits and hyphens, not {self.name!r}")
