"""The addresses under which other machines reach a host that listens on all of this machine's."""

import socket
from ipaddress import ip_address

import ifaddr

from posewire.loopback import is_loopback

_ELSEWHERE = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737): nothing is sent there, it only makes the system choose a way out."""


def is_wildcard(address: str) -> bool:
    """Tell whether an address stands for all addresses of this machine."""
    try:
        return ip_address(address).is_unspecified
    except ValueError:
        return False


def own_addresses() -> list[str]:
    """Return this machine's IPv4 addresses, the one that leads out first."""
    found = [_way_out()]
    found += [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return [address for address in dict.fromkeys(found) if address and not is_loopback(address)]


def reachable_urls(url: str, address: str) -> list[str]:
    """Return the addresses by which others reach a host with this URL that listens on ``address``."""
    if not is_wildcard(address):
        return [url]
    written = f"[{address}]" if ":" in address else address
    return [url.replace(written, own, 1) for own in own_addresses()] or [url.replace(written, "127.0.0.1", 1)]


def _way_out() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(_ELSEWHERE)
        except OSError:
            return ""
        return str(sock.getsockname()[0])
