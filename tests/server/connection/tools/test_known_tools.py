"""Tools that devices listed last."""

from posewire.server.connection.tools.known_tools import KnownTools
from posewire.voice.tools.base import ToolInfo


def test_the_last_list_of_each_device_is_kept() -> None:
    known = KnownTools()
    assert known.get("board") == {}
    known.put("board", {"led": ToolInfo("switch the light")})
    known.put("other", {"servo": ToolInfo("turn")})
    known.put("board", {"beep": ToolInfo("make a sound")})
    assert list(known.get("board")) == ["beep"]
    assert list(known.get("other")) == ["servo"]


def test_devices_that_list_much_displace_the_oldest_and_not_the_host() -> None:
    known = KnownTools()
    for number in range(30):
        known.put(f"board-{number}", {"tool": ToolInfo("x" * 250_000)})
    kept = [number for number in range(30) if known.get(f"board-{number}")]
    assert kept == list(range(30 - len(kept), 30))
    assert 0 < len(kept) * 250_000 <= 4 * 1024 * 1024
