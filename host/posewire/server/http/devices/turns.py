"""``/api/devices/<id>/turns``: the last turns of a device's conversation, their sound, and the order to forget them."""

from collections.abc import Iterator

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from posewire.errors import FrameError, WireError
from posewire.server.http.request import ACT, READ, authorize, device_id, record_order, services
from posewire.server.services import Services
from posewire.sound.wav import wav_head
from posewire.wire.audio import frame_decoder
from posewire.wire.messages import AudioParams

_BATCH = 50
"""Frames that are decoded at a time, in a thread, when the peer has taken those before."""


async def list_turns(request: Request) -> JSONResponse:
    """Answer the last turns of a device's conversation, oldest first: what was heard, done, said, and how long it took.

    Who may only look sees that there were turns, and their times: words and sound are for those who may act.
    """
    principal = authorize(request, READ)
    turns = services(request).turns.of(device_id(request))
    if not principal.allows(ACT):
        turns = [{**turn, "heard": None, "said": [], "calls": [], "sound": []} for turn in turns]
    return JSONResponse({"turns": turns, "budget_ms": _budget(services(request))})


async def give_sound(request: Request) -> StreamingResponse:
    """Answer what was ``heard`` or ``said`` in a turn, as a WAV file."""
    principal = authorize(request, ACT)
    device, part = device_id(request), str(request.path_params["part"])
    sound = services(request).turns.sound(device, str(request.path_params["turn"]), part)
    if sound is None:
        raise WireError("this sound is not kept, or not any more", "not_found")
    record_order(request, principal, "turn listened to", device, part=part)
    # As it is now: it may grow, or be forgotten, while the file is on its way.
    frames = list(sound.frames)
    sizes = [_samples_in(frame, sound.format) for frame in frames]
    head = wav_head(sum(sizes), sound.format.sample_rate)
    headers = {
        "Content-Length": str(len(head) + 2 * sum(sizes)),
        "Content-Disposition": f'inline; filename="{part}.wav"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_wav(head, frames, sound.format, sizes), headers=headers, media_type="audio/wav")


async def forget_turns(request: Request) -> JSONResponse:
    """Forget the turns of a device, words and sound."""
    principal = authorize(request, ACT)
    device = device_id(request)
    record_order(request, principal, "turns forgotten", device)
    services(request).turns.forget(device)
    return JSONResponse({})


def _samples_in(frame: bytes, audio: AudioParams) -> int:
    return len(frame) // 2 if audio.format == "pcm" else audio.frame_samples


def _wav(head: bytes, frames: list[bytes], audio: AudioParams, sizes: list[int]) -> Iterator[bytes]:
    decoder = frame_decoder(audio)
    yield head
    for start in range(0, len(sizes), _BATCH):
        pieces = []
        for frame, size in zip(frames[start : start + _BATCH], sizes[start : start + _BATCH], strict=True):
            try:
                samples = decoder.decode(frame)[:size]
            except FrameError:
                samples = np.empty(0, np.int16)
            pieces.append(np.pad(samples, (0, size - len(samples))))
        yield np.concatenate(pieces).astype("<i2", copy=False).tobytes()


def _budget(here: Services) -> float | None:
    voice = here.settings.voice
    return voice.latency_budget_ms if voice is not None else None
