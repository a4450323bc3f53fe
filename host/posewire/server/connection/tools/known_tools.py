"""The tools that devices listed last: what a device had is true until it lists them anew after a reconnection."""

import json
from collections.abc import Mapping

from posewire.ttl_cache import TtlCache
from posewire.voice.tools.base import ToolInfo

_LIMIT = 4 * 1024 * 1024
"""Bytes of all lists, about: some hundred devices with twenty tools."""

_TTL = 86_400.0


class KnownTools:
    """The last list of each device that has a name of its own; bounded in size and age."""

    def __init__(self) -> None:
        self._lists: TtlCache[str, Mapping[str, ToolInfo]] = TtlCache(_LIMIT, _TTL, _size)

    def get(self, device: str) -> Mapping[str, ToolInfo]:
        """Return the last list of a device; empty when there is none."""
        return self._lists.get(device) or {}

    def put(self, device: str, tools: Mapping[str, ToolInfo]) -> None:
        """Keep a list in place of the device's older one."""
        self._lists.put(device, tools)


def _size(tools: Mapping[str, ToolInfo]) -> int:
    return 200 + sum(
        200 + len(name) + len(info.description) + len(json.dumps(info.schema)) for name, info in tools.items()
    )
