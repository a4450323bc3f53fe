"""The host can be found by its name: real multicast DNS on the loopback interface."""

import pytest
import zeroconf
import zeroconf.asyncio as zeroconf_asyncio

from posewire.errors import ConfigError
from posewire.server.transport.mdns import SERVICE, Announcements
from posewire.server.transport.settings import MdnsSettings


async def test_the_name_resolves_while_the_host_runs() -> None:
    announcer = Announcements(MdnsSettings("posewire-test"))
    try:
        await announcer.announce(SERVICE, "", "127.0.0.1", 8123, {"path": "/posewire/v1/"}, ["127.0.0.1"])
        asking = zeroconf_asyncio.AsyncZeroconf(interfaces=["127.0.0.1"])
    except OSError as error:
        pytest.skip(f"no multicast on this machine: {error}")
    try:
        resolver = zeroconf.AddressResolver("posewire-test.local.")
        if not await resolver.async_request(asking.zeroconf, 3000):
            pytest.skip("multicast does not get through on this machine")
        assert resolver.parsed_addresses() == ["127.0.0.1"]
        info = await asking.async_get_service_info(SERVICE, f"posewire-test.{SERVICE}")
        assert info is not None
        assert (info.port, info.properties[b"path"]) == (8123, b"/posewire/v1/")
    finally:
        await announcer.stop()
        await asking.async_close()


async def test_a_service_beside_the_host_comes_and_goes() -> None:
    announcer = Announcements(MdnsSettings("posewire-test2"))
    satellite = "_wyoming._tcp.local."
    try:
        await announcer.announce(SERVICE, "", "127.0.0.1", 8123, None, ["127.0.0.1"])
        await announcer.announce(satellite, "kitchen", "127.0.0.1", 10700, None, ["127.0.0.1"])
        asking = zeroconf_asyncio.AsyncZeroconf(interfaces=["127.0.0.1"])
    except OSError as error:
        pytest.skip(f"no multicast on this machine: {error}")
    try:
        info = await asking.async_get_service_info(satellite, f"kitchen.{satellite}")
        if info is None:
            pytest.skip("multicast does not get through on this machine")
        assert (info.port, info.parsed_addresses()) == (10700, ["127.0.0.1"])
        await announcer.withdraw(satellite, "kitchen")
        await announcer.withdraw(satellite, "kitchen")
        assert list(announcer._services) == [(SERVICE, "")]
    finally:
        await announcer.stop()
        await asking.async_close()


async def test_a_host_on_loopback_is_not_announced() -> None:
    announcer = Announcements(MdnsSettings())
    await announcer.announce(SERVICE, "", "127.0.0.1", 8000)
    assert announcer._zeroconf == {}


def test_names_that_cannot_be() -> None:
    for name in ("a b", "a.local", "ä", "-", "x" * 64):
        with pytest.raises(ConfigError):
            MdnsSettings(name)
