"""The connections of a host."""

import asyncio

import pytest

from server.connection.wired import Parts


async def test_a_connection_is_found_by_session_and_device_once_it_has_said_hello(parts: Parts) -> None:
    registry = parts.registry
    wire = parts.connect("board")
    assert list(registry.all_connections()) == [wire.handler]
    assert len(registry) == 0
    assert registry.device("board") is None
    wire.hello()
    assert list(registry) == list(registry.all_connections()) == [wire.handler]
    assert registry.device("board") is registry.session(wire.handler.session_id) is wire.handler
    wire.lose()
    assert list(registry.all_connections()) == []
    assert registry.device("board") is None


async def test_a_newer_connection_of_a_device_replaces_the_older_one(parts: Parts) -> None:
    older, newer = parts.greeted("board"), parts.greeted("board")
    assert parts.registry.device("board") is newer.handler
    assert older.close_code == 4000
    older.lose()
    assert parts.registry.device("board") is newer.handler
    assert len(parts.registry) == 1


async def test_waiting_for_a_device_ends_with_its_hello(parts: Parts) -> None:
    waiting = asyncio.create_task(parts.registry.wait_for_device("board"))
    parts.greeted("another")
    wire = parts.connect("board")
    await asyncio.sleep(0)
    assert not waiting.done()
    wire.hello()
    await asyncio.wait_for(waiting, 5)


async def test_a_hello_between_the_look_and_the_wait_is_not_missed(parts: Parts) -> None:
    assert parts.registry.device("board") is None
    waiting = asyncio.create_task(parts.registry.wait_for_device("board"))
    parts.greeted("board")
    await asyncio.wait_for(waiting, 5)


async def test_waiting_can_be_given_up_without_a_trace(parts: Parts) -> None:
    waiting = asyncio.create_task(parts.registry.wait_for_device("board"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert parts.registry._waiting == {}


async def test_open_connections_are_counted_by_address_until_none_is_open(parts: Parts) -> None:
    registry = parts.registry
    await registry.drained()
    first, second = parts.connect(), parts.connect()
    assert (registry.open, registry.at("192.0.2.1"), registry.at("192.0.2.2")) == (2, 2, 0)
    drained = asyncio.create_task(registry.drained())
    first.lose()
    await asyncio.sleep(0)
    assert not drained.done()
    second.lose()
    await asyncio.wait_for(drained, 5)
    assert registry.at("192.0.2.1") == 0
