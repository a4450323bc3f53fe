"""A participant of a conference, with a real Prosody and stand-ins for focus and bridge."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from posewire.errors import HostUnreachableError
from posewire.jitsi.address import read_address
from posewire.jitsi.conference import Conference, join
from posewire.jitsi.stream import Way
from posewire.jitsi.xml import element
from posewire.jitsi.xmpp import CLIENT, StanzaError
from support.conference.deployment import Deployment
from support.conference.prosody import Prosody
from support.data_channels import needs_an_address
from support.programs.debian_packages import find
from support.waiting import eventually

Said = tuple[str, Way, dict[str, Any]]


async def entered(address: str, room: str, name: str = "one", **options: str) -> tuple[Conference, asyncio.Queue[Said]]:
    conference = await join(replace(read_address(address), room=room), name, 20, **options)
    heard: asyncio.Queue[Said] = asyncio.Queue()
    conference.receive = lambda *said: heard.put_nowait(said)
    return conference, heard


async def test_members_see_each_other_and_whisper(prosody: Prosody) -> None:
    host, heard = await entered(prosody.address(), "whisper", fingerprint="f" * 43)
    program, _ = await entered(prosody.address(), "whisper")
    await eventually(lambda: host.endpoint in program.members and program.endpoint in host.members)
    assert program.members[host.endpoint].fingerprint == "f" * 43
    assert not host.members[program.endpoint].fingerprint
    await program.send(host.endpoint, "muc", {"type": "posewire", "n": 1})
    assert await heard.get() == (program.endpoint, "muc", {"type": "posewire", "n": 1})
    with pytest.raises(ConnectionError):
        await program.send(host.endpoint, "bridge", {})
    assert "focus" in program.status()["bridge_channel"]
    await program.leave()
    await eventually(lambda: program.endpoint not in host.members)
    await host.leave()


async def test_rooms_that_let_nobody_in(tmp_path: Path) -> None:
    if find("prosody") is None:
        pytest.skip("Prosody is not installed")
    refused = pytest.raises(HostUnreachableError, match="begun by somebody else: join it with a browser")
    with Prosody(tmp_path, restricted=True) as restricted, refused:
        await entered(restricted.address(), "closed")


async def test_deployments_without_guests(tmp_path: Path) -> None:
    if find("prosody") is None:
        pytest.skip("Prosody is not installed")
    refused = pytest.raises(HostUnreachableError, match="lets nobody in without an account")
    with Prosody(tmp_path, authentication="internal_hashed") as prosody, refused:
        await entered(prosody.address(), "closed")


async def test_two_are_invited_to_the_bridge_and_talk_by_its_channel(deployment: Deployment) -> None:
    one, heard = await entered(deployment.address, "bridge")
    changes: list[bool] = []
    one.bridge_changed = changes.append
    assert one.status()["bridge_channel"] == "not open"  # nobody invites one alone
    other, _ = await entered(deployment.address, "bridge")
    await eventually(lambda: one.bridge_is_open and other.bridge_is_open)
    await other.send(one.endpoint, "bridge", {"type": "posewire", "data": "AAAA"})
    assert await heard.get() == (other.endpoint, "bridge", {"type": "posewire", "data": "AAAA"})
    assert changes == [True]
    await other.leave()
    await one.leave()


@needs_an_address
async def test_the_transport_to_the_bridge_comes_up(deployment: Deployment) -> None:
    one, _ = await entered(deployment.address, "ice")
    other, _ = await entered(deployment.address, "ice")
    await eventually(lambda: one.status()["ice"] == other.status()["ice"] == "up")
    await other.leave()
    await one.leave()


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_bridge_that_dies_is_followed_by_its_successor(tmp_path: Path, replaced: bool) -> None:
    if find("prosody") is None:
        pytest.skip("Prosody is not installed")
    with Deployment(tmp_path, replace=replaced) as deployment:
        one, heard = await entered(deployment.address, "studio")
        other, _ = await entered(deployment.address, "studio")
        await eventually(lambda: one.bridge_is_open and other.bridge_is_open)
        deployment.bridge.kill()
        await eventually(lambda: not one.bridge_is_open and not other.bridge_is_open)
        await other.send(one.endpoint, "muc", {"type": "posewire", "n": 2})
        assert (await heard.get())[1:] == ("muc", {"type": "posewire", "n": 2})
        deployment.bridge.start()
        await eventually(lambda: one.bridge_is_open and other.bridge_is_open)
        await other.send(one.endpoint, "bridge", {"type": "posewire", "n": 3})
        assert (await heard.get())[1:] == ("bridge", {"type": "posewire", "n": 3})
        await other.leave()
        await one.leave()


async def test_a_focus_that_dies_takes_nothing_along(fragile: Deployment) -> None:
    one, heard = await entered(fragile.address, "studio")
    other, _ = await entered(fragile.address, "studio")
    await eventually(lambda: one.bridge_is_open and other.bridge_is_open)
    fragile.focus.kill()
    await other.send(one.endpoint, "bridge", {"n": 1})
    await other.send(one.endpoint, "muc", {"n": 2})
    assert sorted([(await heard.get())[2]["n"], (await heard.get())[2]["n"]]) == [1, 2]
    await other.leave()
    await one.leave()


async def test_only_the_focus_may_invite_and_only_members_are_heard(prosody: Prosody) -> None:
    one, heard = await entered(prosody.address(), "strangers")
    stranger, _ = await entered(prosody.address(), "elsewhere")
    said = element("{http://jitsi.org/jitmeet}json-message", None, '{"type":"posewire"}')
    outside = element(f"{CLIENT}message", {"to": one._stream.jid, "type": "chat"}, said)
    await stranger._stream.send(outside)
    member, _ = await entered(prosody.address(), "strangers")
    invitation = element("{urn:xmpp:jingle:1}jingle", {"action": "session-initiate", "sid": "1"})
    with pytest.raises(StanzaError):
        await member._stream.ask(f"{one.address.room_jid}/{one.endpoint}", "set", invitation)
    assert heard.empty()
    for conference in (one, stranger, member):
        await conference.leave()
