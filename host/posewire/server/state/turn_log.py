"""The last turns of each device, for the page: heard, done and said. Kept in memory, and gone with the process."""

import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any

from posewire.voice.output import TurnReport
from posewire.voice.tools.base import ToolInfo, ToolSet

_DEVICES = 500
_TURNS = 20
_TEXT_MAX = 500
_PARTS_MAX = 50

Turn = dict[str, Any]


class TurnLog:
    """The last turns of each device; the one that was silent for longest makes room for others."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, deque[Turn]] = OrderedDict()

    def of(self, device: str) -> list[Turn]:
        """Return the turns of a device, oldest first; the last one may be under way."""
        return list(self._turns.get(device, ()))

    def forget(self, device: str) -> None:
        """Forget a device's turns."""
        self._turns.pop(device, None)

    def note_sent(self, device: str, message: Mapping[str, Any]) -> None:
        """Note what a device is told: what it was heard to say, and each sentence of the reply."""
        kind = message.get("type")
        if kind == "stt":
            turn = self._current(device)
            if turn["heard"] is not None or turn["said"]:
                turn = self._begin(device)
            turn["heard"] = str(message.get("text", ""))[:_TEXT_MAX]
        elif kind == "tts" and message.get("state") == "sentence_start":
            said = self._current(device)["said"]
            if len(said) < _PARTS_MAX:
                said.append(str(message.get("text", ""))[:_TEXT_MAX])

    def note_call(self, device: str, tool: str, arguments: Mapping[str, object]) -> Turn:
        """Note the call of a tool; what came of it is entered into the result."""
        call: Turn = {"tool": tool[:100], "arguments": str(dict(arguments))[:_TEXT_MAX], "result": None, "ms": None}
        calls = self._current(device)["calls"]
        if len(calls) < _PARTS_MAX:
            calls.append(call)
        return call

    def note_end(self, device: str, report: TurnReport) -> Turn:
        """Note how a turn ended, and how long its stages took; return the turn."""
        turn = self._current(device)
        turn["outcome"] = report.outcome
        turn["stages"] = {stage: round(took, 1) for stage, took in report.stages.items()}
        turn["over_budget"] = report.over_budget
        return turn

    def _current(self, device: str) -> Turn:
        turns = self._turns.get(device)
        return turns[-1] if turns and turns[-1]["outcome"] is None else self._begin(device)

    def _begin(self, device: str) -> Turn:
        turns = self._turns.setdefault(device, deque(maxlen=_TURNS))
        self._turns.move_to_end(device)
        while len(self._turns) > _DEVICES:
            self._turns.popitem(last=False)
        turns.append(
            {
                "at": round(time.time(), 1),
                "heard": None,
                "calls": [],
                "said": [],
                "outcome": None,
                "stages": {},
                "over_budget": "",
            }
        )
        return turns[-1]


class NotedTools:
    """A ``ToolSet`` whose calls are noted."""

    def __init__(self, tools: ToolSet, log: TurnLog, device: str) -> None:
        self._tools = tools
        self._log = log
        self._device = device

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the tools available now."""
        return self._tools.available()

    async def ready(self) -> None:
        """Wait for the tools of a device that has just connected."""
        await self._tools.ready()

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a tool, and note what came of it."""
        call, began = self._log.note_call(self._device, name, arguments), time.monotonic()
        try:
            text = await self._tools.call(name, arguments)
            call["result"] = text[:_TEXT_MAX]
        except Exception as error:
            call["result"], call["failed"] = str(error)[:_TEXT_MAX], True
            raise
        finally:
            call["ms"] = round(1000 * (time.monotonic() - began), 1)
        return text
