"""The settings of a device, for those that tell them over MCP (docs/wire.md section 2.3)."""

from typing import Any

from posewire.errors import ToolError
from posewire.server.connection.tools.device_tools import CALL_TIMEOUT, DeviceToolClient
from posewire.wire.json_shape import as_list, as_object, as_text

_PAGES = 32


async def list_settings(device: DeviceToolClient) -> list[dict[str, Any]]:
    """Return the settings: ``name``, ``value`` and ``default`` (any JSON), ``is`` (what the value must be, in words).

    Raises:
        ToolError: the device tells no settings, or does not answer.
    """
    settings: dict[str, dict[str, Any]] = {}
    cursor = ""
    for _ in range(_PAGES):
        page = await device.request("settings/list", {"cursor": cursor} if cursor else {}, CALL_TIMEOUT)
        for entry in map(as_object, as_list(page.get("settings"))):
            if name := as_text(entry.get("name")):
                settings[name] = {
                    "name": name,
                    "value": entry.get("value"),
                    "default": entry.get("default"),
                    "is": as_text(entry.get("is")),
                }
        cursor = as_text(page.get("nextCursor"))
        if not cursor:
            return list(settings.values())
    raise ToolError(f"the device tells more than {_PAGES} pages of settings")


async def set_setting(device: DeviceToolClient, name: str, value: object) -> None:
    """Set one; it holds from the device's next start.

    Raises:
        ToolError: there is no such setting, the value is not one for it, or the device cannot keep it.
    """
    await device.request("settings/set", {"name": name, "value": value}, CALL_TIMEOUT)
