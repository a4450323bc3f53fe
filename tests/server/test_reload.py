"""The configuration read again while the host runs."""

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from posewire.errors import ConfigError
from posewire.identity.settings import AuthSettings
from posewire.rooms.settings import RoomSettings
from posewire.server.configuration.live_settings import merge
from posewire.server.host import Config, Host
from posewire.server.host_process import HostProcess
from posewire.server.settings import Settings
from posewire.server.transport.settings import MdnsSettings
from support.hosts import settings
from support.peers import Peers


def test_what_can_change_changes_and_the_rest_is_named() -> None:
    now = settings()
    wanted = replace(
        now,
        server=replace(now.server, hello_timeout=3.0, port=9),
        rooms=RoomSettings(max_members=3),
        auth=AuthSettings(token="x" * 20),
        mdns=MdnsSettings(name="elsewhere"),
    )
    merged, live, later = merge(now, wanted)
    assert (merged.server.hello_timeout, merged.server.port, merged.rooms.max_members) == (3.0, 0, 3)
    assert (merged.auth.token, merged.mdns.name) == ("x" * 20, now.mdns.name)
    assert live == ["[server] hello_timeout = 3.0", "[auth] token", "[rooms] max_members = 3"]
    assert later == ["[server] port", "[mdns]"]


async def test_a_reload_disconnects_nobody_and_a_bad_file_changes_nothing() -> None:
    wanted: list[Settings | ConfigError] = [settings(resume_window=5.0)]

    def load() -> Settings:
        if isinstance(wanted[-1], ConfigError):
            raise wanted[-1]
        return wanted[-1]

    host = Host(load(), Config(load))
    await host.start()
    peers = Peers(host.url)
    try:
        first = await peers.connect("aa:00:00:00:00:01")
        await first.hello()
        await first.join()
        wanted.append(replace(settings(resume_window=5.0), rooms=RoomSettings(max_members=1)))
        assert "[rooms] max_members = 1" in await host.services.control.reload()
        second = await peers.connect("aa:00:00:00:00:02")
        await second.hello()
        await second.send(type="room", action="join", room="studio")
        assert (await second.receive("error"))["code"] == "too_many"
        wanted.append(ConfigError("no such setting"))
        with pytest.raises(ConfigError):
            await host.services.control.reload()
        assert host.services.settings.rooms.max_members == 1
        await first.echo()
    finally:
        await peers.close()
        await host.stop()


async def test_sighup_and_a_changed_file_reload_a_running_host(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"

    def write(members: int) -> None:
        config.write_text(
            f'[rooms]\nmax_members = {members}\n[voice]\nenabled = false\n[store]\npath = ":memory:"\n',
            encoding="utf-8",
        )

    async def changed_to(members: int) -> None:
        while not host.logged("config_reloaded", changed=f"[rooms] max_members = {members}"):
            await asyncio.sleep(0.02)

    write(5)
    with HostProcess("--config", str(config)) as host:
        async with connect(host.url) as socket:
            write(77)
            os.kill(host.pid, signal.SIGHUP)
            await changed_to(77)
            write(8)
            await changed_to(8)
            await socket.send('{"type":"hello"}')
            assert json.loads(await socket.recv())["type"] == "hello"
