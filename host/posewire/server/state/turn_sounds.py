"""The sound of the last turns of each device, in memory only: bounded in bytes, the oldest makes room.

Nothing is decoded or copied to keep it: what was heard is the samples that the recogniser got, what was said the frames
that the device was sent.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from posewire.server.state.settings import TurnSettings
from posewire.sound.pcm import SAMPLE_RATE
from posewire.wire.messages import AudioParams

Part = Literal["heard", "said"]

HEARD_FORMAT = AudioParams("pcm", SAMPLE_RATE)

_OVERHEAD = 48
"""Bytes that a frame takes in memory besides its own: with Opus that is a third."""

_MEGABYTE = 2**20


@dataclass(eq=False)
class KeptSound:
    """One sound: the frames of one format in order. ``size`` counts what it takes in memory."""

    device: str
    format: AudioParams
    frames: list[bytes] = field(default_factory=list)
    size: int = 0
    turn: str = ""
    """The turn that it belongs to; empty while somebody speaks still."""

    part: Part = "heard"
    full: bool = False
    """It was longer than a device's sound may be: its end was left out."""


class TurnSounds:
    """Sounds by turn (its id) and part. A sound that grows counts from its first byte on."""

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self._settings = settings or TurnSettings()
        self._by_age: OrderedDict[KeptSound, None] = OrderedDict()
        self._by_turn: dict[str, dict[Part, KeptSound]] = {}
        self._of_device: Counter[str] = Counter()
        self.held_bytes = 0

    @property
    def on(self) -> bool:
        """Whether sound is kept."""
        return self._settings.sound

    def change_settings(self, settings: TurnSettings) -> None:
        """Keep by other settings from now on, and forget what these would not have kept."""
        self._settings = settings
        if not settings.sound:
            self._forget(*self._by_age)
        for device in list(self._of_device):
            self._make_room(device, None)

    def begin(self, device: str, sound_format: AudioParams) -> KeptSound | None:
        """Begin a sound of a device; None: sound is not kept."""
        if not self.on:
            return None
        sound = KeptSound(device, sound_format)
        self._by_age[sound] = None
        return sound

    def add(self, sound: KeptSound, frame: bytes) -> None:
        """Add a frame; does nothing where the sound was forgotten, or is as long as it may be."""
        size = len(frame) + _OVERHEAD
        if sound.full or sound not in self._by_age:
            return
        if sound.size + size > self._settings.device_mb * _MEGABYTE:
            sound.full = True
            return
        sound.frames.append(frame)
        sound.size += size
        self.held_bytes += size
        self._of_device[sound.device] += size
        self._make_room(sound.device, sound)

    def attach(self, sound: KeptSound, turn: str, part: Part) -> None:
        """Make it the sound of a turn's part, in place of another one."""
        if sound not in self._by_age:
            return
        sound.turn, sound.part = turn, part
        parts = self._by_turn.setdefault(turn, {})
        before, parts[part] = parts.get(part), sound
        if before is not None:
            self._drop(before)

    def get(self, turn: str, part: str) -> KeptSound | None:
        """Return the sound of a turn's part; None: it is not kept."""
        return next((sound for name, sound in self._by_turn.get(turn, {}).items() if name == part), None)

    def drop_unfinished(self, sound: KeptSound) -> None:
        """Forget a sound that belongs to no turn, because none came of it."""
        if not sound.turn:
            self._forget(sound)

    def forget_turn(self, turn: str) -> None:
        """Forget the sound of a turn."""
        self._forget(*self._by_turn.get(turn, {}).values())

    def forget_device(self, device: str) -> None:
        """Forget all sound of a device, also what is just being heard."""
        self._forget(*(sound for sound in self._by_age if sound.device == device))

    # --- inside

    def _make_room(self, device: str, newest: KeptSound | None) -> None:
        """Forget the oldest sounds but ``newest`` until the limits hold."""
        while self._of_device[device] > self._settings.device_mb * _MEGABYTE:
            self._forget(next(sound for sound in self._by_age if sound.device == device and sound is not newest))
        while self.held_bytes > self._settings.max_mb * _MEGABYTE:
            self._forget(next(sound for sound in self._by_age if sound is not newest))

    def _forget(self, *sounds: KeptSound) -> None:
        for sound in sounds:
            if sound.turn and self._by_turn[sound.turn].get(sound.part) is sound:
                del self._by_turn[sound.turn][sound.part]
                if not self._by_turn[sound.turn]:
                    del self._by_turn[sound.turn]
            self._drop(sound)

    def _drop(self, sound: KeptSound) -> None:
        if sound not in self._by_age:
            return
        del self._by_age[sound]
        self.held_bytes -= sound.size
        self._of_device[sound.device] -= sound.size
        if not self._of_device[sound.device]:
            del self._of_device[sound.device]
        sound.frames = []
