"""The last turns of each device, for the page: heard, done and said. Kept in memory, and gone with the process."""

import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any

from posewire.server.state.turn_sounds import HEARD_FORMAT, KeptSound, TurnSounds
from posewire.sound.pcm import Pcm
from posewire.voice.output import HeardSound, TurnReport
from posewire.voice.tools.base import ToolInfo, ToolSet
from posewire.wire.messages import AudioParams

_DEVICES = 500
_TURNS = 20
_TEXT_MAX = 500
_PARTS_MAX = 50

Turn = dict[str, Any]


class TurnLog:
    """The last turns of each device; the one that was silent for longest makes room for others.

    ``sounds``: where the sound of the turns is kept; None: nowhere.
    """

    def __init__(self, sounds: TurnSounds | None = None) -> None:
        self.sounds = sounds or TurnSounds()
        self._turns: OrderedDict[str, deque[Turn]] = OrderedDict()

    def of(self, device: str) -> list[Turn]:
        """Return the turns of a device, oldest first; the last one may be under way.

        ``sound`` in each names the parts whose sound is there: ``heard``, and ``said`` once the reply is over.
        """
        return [{**turn, "sound": self._parts(turn)} for turn in self._turns.get(device, ())]

    def sound(self, device: str, turn_id: str, part: str) -> KeptSound | None:
        """Return the sound of a part (``heard``, ``said``) of a device's turn; None: there is none."""
        for turn in self._turns.get(device, ()):
            if turn["id"] == turn_id and part in self._parts(turn):
                return self.sounds.get(turn_id, part)
        return None

    def _parts(self, turn: Turn) -> list[str]:
        parts = ("heard",) if turn["outcome"] is None else ("heard", "said")
        return [part for part in parts if self.sounds.get(turn["id"], part) is not None]

    def forget(self, device: str) -> None:
        """Forget a device's turns, with all of its sound."""
        self._turns.pop(device, None)
        self.sounds.forget_device(device)

    def forget_all(self) -> None:
        """Forget the turns of all devices."""
        for device in list(self._turns):
            self.forget(device)

    def keep_heard(self, device: str) -> HeardSound | None:
        """Return what keeps the sound of an utterance that begins now; None: sound is not kept."""
        sound = self.sounds.begin(device, HEARD_FORMAT)
        return None if sound is None else _HeardSound(self, sound)

    def note_heard(self, sound: KeptSound) -> None:
        """Note the sound of an utterance whose turn begins."""
        self.sounds.attach(sound, self._current(sound.device)["id"], "heard")

    def note_frame(self, device: str, audio: AudioParams, frame: bytes) -> None:
        """Note a frame of the reply that a device is sent."""
        turns = self._turns.get(device)
        if not self.sounds.on or not turns or turns[-1]["outcome"] is not None:
            return
        turn_id = turns[-1]["id"]
        sound = self.sounds.get(turn_id, "said")
        if sound is None:
            sound = self.sounds.begin(device, audio)
            if sound is None:
                return
            self.sounds.attach(sound, turn_id, "said")
        if sound.format == audio:
            self.sounds.add(sound, frame)

    def note_sent(self, device: str, message: Mapping[str, Any]) -> None:
        """Note what a device is told: what it was heard to say, and each sentence of the reply."""
        kind = message.get("type")
        if kind == "stt":
            turn = self._current(device)
            if turn["heard"] is not None or turn["said"]:
                turn = self._begin(device)
            turn["heard"] = str(message.get("text", ""))[:_TEXT_MAX]
        elif kind == "tts" and message.get("state") == "start":
            self._current(device)  # the sound that follows is this turn's
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
        turns = self._turns.setdefault(device, deque())
        self._turns.move_to_end(device)
        while len(self._turns) > _DEVICES:
            self.forget(next(iter(self._turns)))
        while len(turns) >= _TURNS:
            self.sounds.forget_turn(turns.popleft()["id"])
        turns.append(
            {
                "id": secrets.token_hex(8),
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


class _HeardSound:
    """The ``HeardSound`` of an utterance on one device."""

    def __init__(self, log: TurnLog, sound: KeptSound) -> None:
        self._log = log
        self._sound = sound

    def add(self, pcm: Pcm) -> None:
        self._log.sounds.add(self._sound, pcm.astype("<i2", copy=False).tobytes())

    def end(self) -> None:
        self._log.note_heard(self._sound)

    def drop(self) -> None:
        self._log.sounds.drop_unfinished(self._sound)


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
