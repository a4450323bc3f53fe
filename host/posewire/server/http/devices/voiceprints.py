"""``/api/voiceprints``: the enrolled voices; enrol from a recording or from the next utterances, erase."""

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import WireError
from posewire.server.http.devices.listing import find_connection
from posewire.server.http.request import ACT, READ, authorize, json_body, record_order, services
from posewire.server.state.voiceprints import ENROL_UTTERANCES, Voiceprints
from posewire.sound.pcm import SAMPLE_RATE, SPEECH_RATES, to_int16
from posewire.sound.resampling import resample
from posewire.sound.wav import read_wav
from posewire.wire.messages import get_field


async def list_voiceprints(request: Request) -> JSONResponse:
    """Answer the names of the enrolled people."""
    authorize(request, READ)
    voiceprints = _voiceprints(request)
    return JSONResponse({"voiceprints": await voiceprints.names(), "engine": voiceprints.engine.name})


async def enrol_recording(request: Request) -> JSONResponse:
    """Enrol a person from the body, a mono 16-bit WAV file."""
    principal = authorize(request, ACT)
    voiceprints = _voiceprints(request)
    try:
        samples, rate = read_wav(await request.body())
    except ValueError:
        raise WireError("the body must be a WAV file, mono, 16 bits") from None
    if rate not in SPEECH_RATES:
        raise WireError(f"the recording must have {SPEECH_RATES[0]} to {SPEECH_RATES[-1]} samples a second")
    pcm = to_int16(resample(samples.astype(np.float32), rate, SAMPLE_RATE))
    await voiceprints.enrol(request.path_params["name"], pcm)
    record_order(request, principal, "voiceprint enrolled")
    return JSONResponse({"name": request.path_params["name"]}, 201)


async def erase_voiceprint(request: Request) -> JSONResponse:
    """Erase a person's voiceprint."""
    principal = authorize(request, ACT)
    name = request.path_params["name"]
    if not await _voiceprints(request).erase(name):
        raise WireError(f"nobody named {name[:40]} is enrolled", "not_found")
    record_order(request, principal, "voiceprint erased")
    return JSONResponse({"name": name})


async def enrol_next(request: Request) -> JSONResponse:
    """Enrol the person who speaks next on a device: ``{"name", "utterances"?}``."""
    principal = authorize(request, ACT)
    handler, body = find_connection(request), await json_body(request)
    _voiceprints(request).enrol_next(
        handler.device_id, get_field(body, "name", str), get_field(body, "utterances", int, ENROL_UTTERANCES)
    )
    record_order(request, principal, "voiceprint wanted", handler.device_id)
    return JSONResponse({"device": handler.device_id}, 202)


def _voiceprints(request: Request) -> Voiceprints:
    voiceprints = services(request).voiceprints
    if voiceprints is None:
        raise WireError('this host makes no voiceprints: set [voice] voiceprint = "spectral"', "not_available")
    return voiceprints
