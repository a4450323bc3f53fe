"""The name of the host on the local network: boards look for ``posewire.local`` unless told otherwise (RFC 6762)."""

import socket
from typing import Any

from posewire.log import EventLog
from posewire.loopback import is_loopback
from posewire.server.transport.addresses import is_wildcard, own_addresses
from posewire.server.transport.settings import MdnsSettings

SERVICE = "_posewire._tcp.local."


class MdnsAnnouncer:
    """Announces one host on the local network while it runs, where the package zeroconf is installed."""

    def __init__(self, settings: MdnsSettings) -> None:
        self._name = settings.name
        self._log = EventLog()
        self._zeroconf: Any = None

    async def start(self, address: str, port: int, path: str, addresses: list[str] | None = None) -> None:
        """Announce the host that listens on an address and port; does nothing for a host on loopback.

        ``addresses``: where others reach it (default: all of this machine's). A failure is logged, not raised: the host
        works without a name.
        """
        if not self._name or (is_loopback(address) and addresses is None):
            return
        try:
            from zeroconf import Error as ZeroconfError
            from zeroconf import IPVersion, ServiceInfo
            from zeroconf.asyncio import AsyncZeroconf
        except ImportError:
            self._log.info("no_mdns", why="pip install 'posewire[mdns]' to be found as " + self._name + ".local")
            return
        if addresses is None:
            addresses = [own for own in own_addresses() if is_wildcard(address) or own == address]
        info = ServiceInfo(
            SERVICE,
            f"{self._name}.{SERVICE}",
            port,
            properties={"path": path},
            server=f"{self._name}.local.",
            addresses=[socket.inet_aton(text) for text in addresses],
        )
        if not addresses:
            return
        try:
            self._zeroconf = AsyncZeroconf(interfaces=addresses, ip_version=IPVersion.V4Only)
            await self._zeroconf.async_register_service(info)
        except (OSError, ZeroconfError) as error:
            self._log.warning("no_mdns", why=str(error) or type(error).__name__)
            await self.stop()
            return
        self._log.info("mdns", name=f"{self._name}.local", addresses=" ".join(addresses))

    async def stop(self) -> None:
        """Withdraw the name from the network."""
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is not None:
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()
