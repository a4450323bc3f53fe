"""A board's tools, without a board."""

import asyncio
from collections.abc import Mapping

from posewire.errors import ToolError
from posewire.voice.tools.base import ToolInfo

ALL_TOOLS = (
    "self.get_device_status",
    "self.audio_speaker.set_volume",
    "self.led.set_color",
    "self.led.turn_on",
    "self.led.turn_off",
    "self.identify",
    "self.restart",
    "self.robot.drive",
    "self.robot.stop",
)


class Board:
    """A ``ToolSet`` that records the calls."""

    def __init__(self, *tools: str, late: bool = False, broken: bool = False, volume: int = 40) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []
        self._tools = {name: ToolInfo() for name in tools}
        self._listed = asyncio.Event()
        if not late:
            self._listed.set()
        self._broken = broken
        self._volume = volume

    def available(self) -> Mapping[str, ToolInfo]:
        return self._tools if self._listed.is_set() else {}

    def list_tools(self) -> None:
        """End the time in which a board that is ``late`` has no tools."""
        self._listed.set()

    async def ready(self) -> None:
        await self._listed.wait()

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        await asyncio.sleep(0)
        self.calls.append((name, dict(arguments)))
        if self._broken:
            raise ToolError("no power")
        return f'{{"audio_speaker": {{"volume": {self._volume}}}}}'
