"""A closed connection is freed at once, not by a full collection that may come minutes later."""

import gc
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.protocol import Protocol
from websockets.server import ServerProtocol

from posewire.identity.settings import AuthSettings
from posewire.identity.stored import issue_token
from posewire.rooms.member import Member
from posewire.server.connection.handler import ConnectionHandler
from posewire.server.connection.tools.device_tools import DeviceToolClient
from posewire.server.host import Host
from posewire.server.transport.websocket import WebSocket
from posewire.store import StoreSettings
from support.hosts import running, settings
from support.peers import Peer, Peers
from support.waiting import eventually

_OURS = (ConnectionHandler, WebSocket, DeviceToolClient, Protocol, ServerProtocol, Member)


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> Counter[str]:
    return Counter(type(thing).__name__ for thing in gc.get_objects() if type(thing) in _OURS)


async def freed(host: Host, **left: int) -> None:
    """Wait until the host knows that all connections are gone, and nothing but ``left`` is left of them.

    Callbacks of tasks and of the transport still run then; on a loaded machine for more than a moment.
    """
    await host.services.registry.drained()
    await eventually(lambda: alive() == left)


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
    await freed(host, Member=1)


@pytest.mark.usefixtures("no_collector")
async def test_a_connection_that_is_closed_leaves_nothing(host: Host, peers: Peers) -> None:
    peer = await in_room(peers)
    await peer.socket.close()
    await freed(host)


@pytest.mark.usefixtures("no_collector")
async def test_a_connection_whose_place_the_next_one_may_not_have_leaves_nothing(tmp_path: Path) -> None:
    auth = AuthSettings(token="everybody's token", token_scopes=frozenset({"voice"}))
    host = Host(replace(settings(), auth=auth, store=StoreSettings(str(tmp_path / "store.db"))))
    await host.start()
    peers = Peers(host.url)
    try:
        token = await host.services.store.run(lambda c: issue_token(c, "ann", "person", ["room.*"]))
        await host.services.identities.refresh(force=True)
        first = await peers.connect("board", Authorization=f"Bearer {token}")
        session = (await first.hello())["session_id"]
        await first.join(publish=["pose"])
        second = await peers.connect("board", Authorization="Bearer everybody's token")
        assert (await second.hello(resume=session))["resumed"]
        assert not host.services.rooms.rooms
        await first.socket.wait_closed()
        await second.socket.close()
        await freed(host)
    finally:
        await peers.close()
        await host.stop()


@pytest.mark.usefixtures("no_collector")
async def test_a_connection_that_breaks_the_protocol_leaves_nothing(host: Host, peers: Peers) -> None:
    peer = await peers.connect()
    await peer.hello()
    peer.socket.transport.write(b"\xff\xff\xff\xff")
    await peer.socket.wait_closed()
    await freed(host)


@pytest.mark.usefixtures("no_collector")
async def test_a_connection_that_never_said_hello_leaves_nothing() -> None:
    async with running(settings(hello_timeout=0.05)) as host:
        peer = await Peers(host.url).connect()
        assert (await peer.receive("error"))["code"] == "hello_timeout"
        await peer.socket.wait_closed()
        await freed(host)


@pytest.mark.usefixtures("no_collector")
async def test_a_refused_connection_leaves_nothing(host: Host, peers: Peers) -> None:
    for number in range(8):
        # With a hello it stays, however long the others take.
        await (await peers.connect(f"aa:bb:cc:00:01:{number:02x}")).hello()
    before = alive()
    with pytest.raises(InvalidStatus):
        await peers.connect("aa:bb:cc:00:02:00")
    await eventually(lambda: alive() == before)
