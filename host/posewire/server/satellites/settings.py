"""Section ``[satellites]``: boards as Wyoming satellites of Home Assistant."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated

from posewire.config import between, check_rules
from posewire.errors import ConfigError
from posewire.loopback import is_loopback


@dataclass(frozen=True)
class SatelliteSettings:
    """Section ``[satellites]``. ``port``: of the first board; each further one has the next that is free, and keeps it.

    Wyoming has no authentication: off loopback ``allow`` names the addresses (or networks) that may connect.

    Raises:
        ConfigError: ``allow`` is missing off loopback, or holds something else than addresses and networks.
    """

    enabled: bool = False
    address: str = "127.0.0.1"
    port: Annotated[int, between(0, 65000)] = 10700
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_rules(self)
        try:
            self.networks()
        except ValueError as error:
            raise ConfigError(f"allow must hold addresses or networks: {error}") from None
        if not is_loopback(self.address) and not self.allow:
            raise ConfigError(
                f"address = {self.address!r} lets the network in, and Wyoming asks for no password: name Home "
                'Assistant\'s address in allow, as in allow = ["192.168.1.5"]'
            )

    def networks(self) -> list[IPv4Network | IPv6Network]:
        """Return what ``allow`` names."""
        return [ip_network(text, strict=False) for text in self.allow]

    def admits(self, address: str) -> bool:
        """Tell whether an address may connect; this machine's own may where ``allow`` names none."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        if not self.allow:
            return parsed.is_loopback
        return any(parsed in network for network in self.networks())
