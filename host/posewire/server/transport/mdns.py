"""Names on the local network (RFC 6762): boards look for ``posewire.local``, and others for services (RFC 6763)."""

import socket
from collections.abc import Mapping
from typing import Any

from posewire.log import EventLog
from posewire.loopback import is_loopback
from posewire.server.transport.addresses import is_wildcard, own_addresses
from posewire.server.transport.settings import MdnsSettings

SERVICE = "_posewire._tcp.local."


class Announcements:
    """The services of one host, announced on the local network while it runs.

    A failure is logged, not raised: all works without a name.
    """

    def __init__(self, settings: MdnsSettings) -> None:
        self._name = settings.name
        self._log = EventLog()
        self._zeroconf: dict[tuple[str, ...], Any] = {}
        """By the addresses that they speak on."""

        self._services: dict[tuple[str, str], tuple[Any, Any]] = {}
        """By service and label: where it is announced, and what."""

    async def announce(
        self,
        service: str,
        label: str,
        address: str,
        port: int,
        properties: Mapping[str, str] | None = None,
        addresses: list[str] | None = None,
    ) -> None:
        """Announce a service that listens on an address and port; does nothing for one on loopback.

        ``label``: its own name; empty: the host's. ``addresses``: where others reach it (default: all of this
        machine's).
        """
        if not self._name or (is_loopback(address) and addresses is None):
            return
        # Imported here: a host on loopback, or without a name, starts sooner.
        from zeroconf import Error as ZeroconfError
        from zeroconf import IPVersion, NonUniqueNameException, ServiceInfo
        from zeroconf.asyncio import AsyncZeroconf

        if addresses is None:
            addresses = [own for own in own_addresses() if is_wildcard(address) or own == address]
        if not addresses:
            return
        info = ServiceInfo(
            service,
            f"{label or self._name}.{service}",
            port,
            properties=dict(properties or {}),
            server=f"{self._name}.local.",
            addresses=[socket.inet_aton(text) for text in addresses],
        )
        key = tuple(addresses)
        try:
            if key not in self._zeroconf:
                self._zeroconf[key] = AsyncZeroconf(interfaces=addresses, ip_version=IPVersion.V4Only)
            await self._zeroconf[key].async_register_service(info)
        except NonUniqueNameException:
            why = f"another host has the name {label or self._name} here: give this one its own, [mdns] name"
            self._log.warning("no_mdns", service=service, why=why)
            return
        except (OSError, ZeroconfError) as error:
            self._log.warning("no_mdns", service=service, why=str(error) or type(error).__name__)
            return
        self._services[service, label] = (self._zeroconf[key], info)
        self._log.info("mdns", name=info.name, addresses=" ".join(addresses))

    async def withdraw(self, service: str, label: str = "") -> None:
        """Take a service back."""
        zeroconf, info = self._services.pop((service, label), (None, None))
        if zeroconf is not None:
            await zeroconf.async_unregister_service(info)

    async def stop(self) -> None:
        """Take everything back."""
        self._services.clear()
        while self._zeroconf:
            _, zeroconf = self._zeroconf.popitem()
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()
