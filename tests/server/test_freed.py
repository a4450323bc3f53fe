"""A closed connection is freed at once, not by a full collection that may come minutes later."""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.protocol import Protocol
from websockets.server import ServerProtocol

from posewire.rooms.member import Member
from posewire.server.connection import ConnectionHandler
from posewire.server.device_tools import DeviceTools
from posewire.server.host import Host
from posewire.server.websocket import WebSocket
from server.conftest import Peer, Peers

_OURS = (ConnectionHandler, WebSocket, DeviceTools, Protocol, ServerProtocol, Member)


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> Counter[str]:
    return Counter(type(thing).__name__ for thing in gc.get_objects() if type(thing) in _OURS)


async def freed(host: Host) -> Counter[str]:
    """What is left of all connections once the host knows that they are gone."""
    await host.services.registry.drained()
    for _ in range(5):  # the callbacks of tasks and of the transport that were cancelled or closed
        await asyncio.sleep(0)
    return alive()


async def in_room(peers: Peers) -> Peer:
    peer = await peers.connect()
    await peer.hello(features={"pose": True, "mcp": True})
    await peer.join(publish=["pose"], subscribe=["pose"])
    return peer


@pytest.mark.usefixtures("no_collector")
async def test_a_connection_that_breaks_off_leaves_its_place_in_the_room_and_no_more(host: Host, peers: Peers) -> None:
    peer = await in_room(peers)
    assert alive()["ConnectionHandler"] == 1
    peer.socket.transport.abort()
    assert await freed(host) == {"Member": 1}


@pytest.mark.usefixtures("no_collector")
async def test_a_connection_that_is_closed_leaves_nothing(host: Host, peers: Peers) -> None:
    peer = await in_room(peers)
    await peer.socket.close()
    assert not await freed(host)


@pytest.mark.usefixtures("no_collector")
async def test_a_connection_that_breaks_the_protocol_leaves_nothing(host: Host, peers: Peers) -> None:
    peer = await peers.connect()
    await peer.hello()
    peer.socket.transport.write(b"\xff\xff\xff\xff")
    await peer.socket.wait_closed()
    assert not await freed(host)


@pytest.mark.usefixtures("no_collector")
async def test_a_connection_that_never_said_hello_leaves_nothing(host: Host, peers: Peers) -> None:
    peer = await peers.connect()
    await peer.socket.wait_closed()
    assert not await freed(host)


@pytest.mark.usefixtures("no_collector")
async def test_a_refused_connection_leaves_nothing(host: Host, peers: Peers) -> None:
    for number in range(8):
        await peers.connect(f"aa:bb:cc:00:01:{number:02x}")
    before = alive()
    with pytest.raises(InvalidStatus):
        await peers.connect("aa:bb:cc:00:02:00")
    for _ in range(5):
        await asyncio.sleep(0)
    assert alive() == before
