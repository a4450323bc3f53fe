"""The bounds of the sound that is kept: in all and of each device, whatever comes in whatever order."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from posewire.errors import ConfigError
from posewire.server.settings import load_settings
from posewire.server.state.settings import TurnSettings
from posewire.server.state.turn_log import TurnLog
from posewire.server.state.turn_sounds import HEARD_FORMAT, KeptSound, TurnSounds
from posewire.voice.output import TurnReport

MEGABYTE = 2**20
KEEP = TurnSettings(sound=True, max_mb=2, device_mb=1)
FRAME = bytes(64 * 1024)


def said(log: TurnLog, device: str, frames: int, frame: bytes = FRAME) -> str:
    """A reply of so many frames; returns the id of its turn."""
    log.note_sent(device, {"type": "tts", "state": "start"})
    for _ in range(frames):
        log.note_frame(device, HEARD_FORMAT, frame)
    log.note_end(device, TurnReport("answered", {}))
    return str(log.of(device)[-1]["id"])


def with_sound(log: TurnLog, device: str) -> list[str]:
    return [turn["id"] for turn in log.of(device) if turn["sound"]]


def listed(log: TurnLog) -> Iterator[KeptSound]:
    """All sounds that somebody could ask for, each asked for."""
    for device in (f"device {number}" for number in range(6)):
        for turn in log.of(device):
            for part in turn["sound"]:
                sound = log.sound(device, turn["id"], part)
                assert sound is not None
                yield sound


def test_nothing_is_kept_unless_it_is_wanted() -> None:
    log = TurnLog(TurnSounds())
    said(log, "lamp", 3)
    assert log.keep_heard("lamp") is None
    assert (log.of("lamp")[0]["sound"], log.sounds.held_bytes) == ([], 0)


def test_a_devices_oldest_sound_makes_room_for_its_newest() -> None:
    log = TurnLog(TurnSounds(KEEP))
    turns = [said(log, "lamp", 6) for _ in range(4)]
    assert with_sound(log, "lamp") == turns[2:]
    assert log.sound("lamp", turns[0], "said") is None
    kept = log.sound("lamp", turns[3], "said")
    assert kept is not None
    assert len(kept.frames) == 6


def test_the_oldest_sound_of_all_devices_makes_room() -> None:
    log = TurnLog(TurnSounds(KEEP))
    for device in ("one", "two", "three"):
        said(log, device, 14)
    assert [len(with_sound(log, device)) for device in ("one", "two", "three")] == [0, 1, 1]
    assert log.sounds.held_bytes <= 2 * MEGABYTE


def test_a_sound_that_is_too_long_keeps_its_beginning() -> None:
    log = TurnLog(TurnSounds(KEEP))
    turn = said(log, "lamp", 100)
    kept = log.sound("lamp", turn, "said")
    assert kept is not None
    assert MEGABYTE - 2 * len(FRAME) < sum(map(len, kept.frames)) <= MEGABYTE


def test_the_limits_hold_while_everybody_speaks() -> None:
    """What is being heard counts from its first byte on, and small frames count for what they take."""
    chance = random.Random(7)
    log = TurnLog(TurnSounds(KEEP))
    sounds = log.sounds
    open_sounds = []
    for number in range(4000):
        device = f"device {chance.randrange(6)}"
        match chance.randrange(5):
            case 0 if (begun := sounds.begin(device, HEARD_FORMAT)) is not None:
                open_sounds.append(begun)
            case 1 if open_sounds:
                log.note_heard(open_sounds.pop(chance.randrange(len(open_sounds))))
            case 2 if open_sounds:
                sounds.drop_unfinished(open_sounds.pop(chance.randrange(len(open_sounds))))
            case 3:
                said(log, device, chance.randrange(30), bytes(chance.randrange(20_000)))
            case _ if number % 500 == 0:
                log.forget(device)
        for sound in open_sounds:
            sounds.add(sound, bytes(chance.randrange(2000)))
        assert sounds.held_bytes <= 2 * MEGABYTE
        kept = [*listed(log), *open_sounds]
        for name in {sound.device for sound in kept}:
            assert sum(sum(map(len, sound.frames)) for sound in kept if sound.device == name) <= MEGABYTE
        assert sum(sound.size for sound in kept if sound.frames) == sounds.held_bytes
    log.forget_all()
    for sound in open_sounds:
        sounds.drop_unfinished(sound)
    assert sounds.held_bytes == 0


def test_turns_that_are_dropped_take_their_sound_along() -> None:
    log = TurnLog(TurnSounds(KEEP))
    for _ in range(30):
        said(log, "lamp", 1, bytes(100))
    assert len(log.of("lamp")) == len(with_sound(log, "lamp")) == 20
    assert log.sounds.held_bytes < 20 * 200


def test_sound_that_is_kept_no_more_is_forgotten_at_once() -> None:
    log = TurnLog(TurnSounds(KEEP))
    said(log, "lamp", 10)
    log.sounds.change_settings(TurnSettings(sound=False))
    assert (log.of("lamp")[0]["sound"], log.sounds.held_bytes) == ([], 0)


def test_the_settings_say_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "posewire.toml"
    file.write_text("[turns]\nmax_mb = 2\ndevice_mb = 3\n")
    with pytest.raises(ConfigError, match=r"\[turns\] device_mb must be at most max_mb"):
        load_settings(file)
