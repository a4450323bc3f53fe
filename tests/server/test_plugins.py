"""Plug-ins: the one of the documentation as it stands there, and those that do not work."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from posewire.errors import ConfigError
from posewire.server.host import Host
from posewire.server.plugins import Plugin
from posewire.server.settings import load_settings
from support.hosts import settings
from support.peers import Peers

DOCS = Path(__file__).parents[2] / "docs" / "plugins.md"
LATER = """
from posewire.errors import WireError

async def later(peer, message):
    if message.get("fail"):
        raise WireError("as you wished")
    peer.send({"type": "later"})

async def broken(peer, message):
    raise KeyError("a defect")

def register(plugin):
    async def started(services):
        assert plugin.services is services
        services.counters["started"] += 1

    plugin.text("later", later)
    plugin.text("broken", broken)
    plugin.on_start(started)
"""


async def test_the_plug_in_of_the_documentation_works(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "dance.py").write_text(code)
    (tmp_path / "later.py").write_text(LATER)
    config = tmp_path / "posewire.toml"
    config.write_text(
        f'[server]\nport = 0\nplugins = ["{tmp_path}/dance.py", "{tmp_path}/later.py"]\n[voice]\nenabled = false\n'
    )
    host = Host(load_settings(config))
    await host.start()
    peers = Peers(host.url)
    try:
        dancer, watcher = await peers.connect("dancer"), await peers.connect("watcher")
        for peer in (dancer, watcher):
            await peer.hello()
            await peer.join("hall")
        await dancer.send(type="dance", steps=3)
        assert (await dancer.receive("dance"))["steps"] == 4
        assert (await watcher.receive("dancing"))["device"] == "dancer"
        for message, code in (
            ({"type": "dance"}, "bad_message"),
            ({"type": "dance", "steps": 10}, "too_many"),
            ({"type": "later", "fail": True}, "bad_message"),
            ({"type": "broken"}, "internal"),
        ):
            await dancer.send(**message)
            assert (await dancer.receive("error"))["code"] == code
        await dancer.send(type="later")
        await dancer.receive("later")
        assert host.services.counters["started"] == 1
        reader, writer = await asyncio.open_connection("127.0.0.1", int(host.url.split(":")[2].split("/")[0]))
        writer.write(b"GET /dance HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert json.loads((await reader.read()).partition(b"\r\n\r\n")[2]) == {"dances": True}
        writer.close()
    finally:
        await peers.close()
        await host.stop()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def register(plugin):\n    plugin.text('hello', print)", "exists already"),
        ("def register(plugin):\n    plugin.services", "only after the host has started"),
        ("x = 1", "no function register"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
        (None, "no such file"),
    ],
)
async def test_a_plugin_that_does_not_load_stops_the_start_by_name(tmp_path: Path, code: str | None, says: str) -> None:
    path = tmp_path / "plugin.py"
    if code is not None:
        path.write_text(code)
    with pytest.raises(ConfigError, match=says) as caught:
        await Host(settings(plugins=(str(path),))).start()
    assert "plugin.py" in str(caught.value)


def test_two_plug_ins_cannot_have_the_same_type() -> None:
    known = {"hello"}
    Plugin("first", known).text("dance", print)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="second"):
        Plugin("second", known).text("dance", print)  # type: ignore[arg-type]
