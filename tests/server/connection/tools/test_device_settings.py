"""Settings of a device over MCP: all pages, whatever a device says in them."""

from typing import Any

import pytest

from posewire.errors import ToolError
from posewire.server.connection.tools.device_settings import list_settings, set_setting


class Device:
    """Answers each request with the next page, and keeps what it was asked."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages = list(pages)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def request(self, method: str, params: dict[str, Any], within: float) -> dict[str, Any]:
        self.asked.append((method, params))
        return self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]


async def test_all_pages_are_asked_for() -> None:
    volume = {"name": "volume", "value": 40, "default": 50, "is": "0 to 100"}
    device = Device({"settings": [volume], "nextCursor": "mode"}, {"settings": [{"name": "mode", "value": "auto"}]})
    assert await list_settings(device) == [  # type: ignore[arg-type]
        volume,
        {"name": "mode", "value": "auto", "default": None, "is": ""},
    ]
    assert device.asked == [("settings/list", {}), ("settings/list", {"cursor": "mode"})]


async def test_entries_of_another_shape_are_left_out() -> None:
    device = Device({"settings": [7, {"value": 1}, {"name": 3}, {"name": "a", "is": 9}]})
    assert [entry["name"] for entry in await list_settings(device)] == ["a"]  # type: ignore[arg-type]
    assert await list_settings(Device({"settings": "none"})) == []  # type: ignore[arg-type]


async def test_a_device_that_never_ends_its_list_is_an_error() -> None:
    device = Device({"settings": [], "nextCursor": "again"})
    with pytest.raises(ToolError, match="pages of settings"):
        await list_settings(device)  # type: ignore[arg-type]


async def test_a_setting_is_set_by_its_name() -> None:
    device = Device({})
    await set_setting(device, "volume", 30)  # type: ignore[arg-type]
    assert device.asked == [("settings/set", {"name": "volume", "value": 30})]
