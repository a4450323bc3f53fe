"""The addresses that count as one when limits are counted."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from posewire.loopback import is_loopback

_PREFIX = 64


def limited_group(address: str) -> str:
    """Return the group of an address; empty for this machine's, which no limit counts: a proxy may be there."""
    return "" if is_loopback(address) else address_group(address)


@lru_cache(4096)
def address_group(address: str) -> str:
    """Return the name under which an address is counted: an IPv4 address itself, of an IPv6 address its /64.

    Whoever has one IPv6 address has the 2^64 of its network (RFC 6177). A name that is no address stands for itself.
    """
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    if parsed.is_link_local or parsed.is_loopback:
        # All of a network's machines share fe80::/64.
        return str(parsed)
    return f"{IPv6Address(int(parsed) >> (128 - _PREFIX) << (128 - _PREFIX))}/{_PREFIX}"
