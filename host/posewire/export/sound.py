"""The sound of one member of a recording, as a WAV file."""

import wave
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from posewire.client.room.member import RoomMember, follow_members
from posewire.errors import ConfigError, PosewireError
from posewire.export.poses import Told
from posewire.rooms.recording import AUDIO, EVENT, Record, read_recording
from posewire.sound.pcm import Pcm
from posewire.sound.resampling import resample
from posewire.wire.audio import FrameDecoder, frame_decoder
from posewire.wire.messages import AudioParams

_PAUSE = 0.2
"""Seconds that a frame must be late for it to be a pause, and not the network's unrest."""


def write_wav(file: Path, devices: Collection[str], out: Path, told: Told | None = None) -> int:
    """Write the sound of one device, mono, 16 bits; returns the number of frames. The file begins with the recording.

    Pauses are silence, and so is a frame that does not decode. The rate is that of the first frame; what comes at
    another rate later is resampled.

    Raises:
        ConfigError: several devices have sound, which the message names, or the format is not known.
    """
    found = sorted({member.device for member, _ in _frames(file, told) if not devices or member.device in devices})
    if len(found) > 1:
        raise ConfigError(f"this format holds the sound of one device: choose by --device among {', '.join(found)}")
    count = position = 0
    decoder: FrameDecoder | None = None
    params, rate = None, 0
    with wave.open(str(out), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        for member, record in _frames(file, told):
            if member.device not in found:
                continue
            if decoder is None or member.audio != params:
                params, decoder = member.audio, _decoder(member)
            assert params is not None
            if not rate:
                rate = params.sample_rate
                wav.setframerate(rate)
            samples = resample(_decoded(decoder, record.payload, params), params.sample_rate, rate)
            # A frame is recorded when its sound is over.
            began = round(record.time_us / 1e6 * rate) - len(samples)
            if began - position > _PAUSE * rate:
                wav.writeframes(bytes(2 * (began - position)))
                position = began
            wav.writeframes(samples.astype("<i2").tobytes())
            position += len(samples)
            count += 1
        if not rate:
            wav.setframerate(16_000)
    return count


def _frames(file: Path, told: Told | None) -> Iterator[tuple[RoomMember, Record]]:
    """Iterate over the frames of sound of members whose format is known."""
    members: dict[int, RoomMember] = {}
    for record in read_recording(file, told):
        if record.kind == EVENT:
            follow_members(members, record.event())
        elif (
            record.kind == AUDIO and (member := members.get(record.member_id)) is not None and member.audio is not None
        ):
            yield member, record


def _decoder(member: RoomMember) -> FrameDecoder:
    assert member.audio is not None
    try:
        return frame_decoder(member.audio)
    except KeyError:
        raise ConfigError(f"the sound of {member.device} is {member.audio.format}, which is not known here") from None


def _decoded(decoder: FrameDecoder, frame: bytes, params: AudioParams) -> Pcm:
    try:
        return decoder.decode(frame)
    except PosewireError:
        return np.zeros(params.frame_samples, np.int16)
