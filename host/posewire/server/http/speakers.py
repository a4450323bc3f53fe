"""``/api/speakers``: who is enrolled, enrolling from a recording or from the next utterances, erasing."""

import numpy as np
import soxr
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from posewire.errors import ProviderError, WireError
from posewire.server.http.app import authorize, record_order, services
from posewire.server.http.devices import ACT, READ, find_device, json_body
from posewire.server.state.voiceprints import ENROL_UTTERANCES, Speakers
from posewire.voice.tts.speech_program import read_wav
from posewire.wire.messages import field

_RATE = 16000


async def list_speakers(request: Request) -> JSONResponse:
    """Answer who is enrolled."""
    authorize(request, READ)
    speakers = _speakers(request)
    return JSONResponse({"speakers": await speakers.names(), "engine": speakers.engine.name})


async def enrol_recording(request: Request) -> JSONResponse:
    """Enrol a speaker from the body, a mono 16-bit WAV file."""
    principal = authorize(request, ACT)
    speakers = _speakers(request)
    try:
        speech = read_wav(await request.body(), "the request")
    except ProviderError:
        raise WireError("the body must be a WAV file, mono, 16 bits") from None
    samples = speech.samples
    if speech.rate != _RATE:
        samples = np.round(soxr.resample(samples.astype(np.float32), speech.rate, _RATE)).clip(-32768, 32767)
    await speakers.enrol(request.path_params["name"], samples.astype(np.int16))
    record_order(request, principal, "speaker enrolled")
    return JSONResponse({"name": request.path_params["name"]}, 201)


async def forget_speaker(request: Request) -> JSONResponse:
    """Erase a speaker."""
    principal = authorize(request, ACT)
    name = request.path_params["name"]
    if not await _speakers(request).forget(name):
        raise WireError(f"nobody named {name[:40]} is enrolled", "not_found")
    record_order(request, principal, "speaker erased")
    return JSONResponse({"name": name})


async def enrol_next(request: Request) -> JSONResponse:
    """Enrol whoever speaks next on a device: ``{"name", "utterances"?}``."""
    principal = authorize(request, ACT)
    handler, body = find_device(request), await json_body(request)
    _speakers(request).enrol_next(
        handler.device_id, field(body, "name", str), field(body, "utterances", int, ENROL_UTTERANCES)
    )
    record_order(request, principal, "speaker wanted", handler.device_id)
    return JSONResponse({"device": handler.device_id}, 202)


ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/speakers", list_speakers),
    Route("/api/speakers/{name}", enrol_recording, methods=["POST"]),
    Route("/api/speakers/{name}", forget_speaker, methods=["DELETE"]),
    Route("/api/devices/{device}/enrol", enrol_next, methods=["POST"]),
)


def _speakers(request: Request) -> Speakers:
    speakers = services(request).speakers
    if speakers is None:
        raise WireError('voices are not told apart on this host: set [voice] voiceprint = "spectral"', "not_available")
    return speakers
