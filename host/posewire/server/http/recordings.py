"""``/api/recordings``: recordings on the host's machine: made, looked at, played into a room, exported."""

from contextlib import AsyncExitStack
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse

from posewire.errors import WireError
from posewire.identity.principal import Principal
from posewire.rooms.recording_index import IndexedRecording
from posewire.server.http.request import ACT, READ, authorize, json_body, limits, record_order, services
from posewire.wire.messages import get_field

_NAME_MAX = 64


async def list_recordings(request: Request) -> JSONResponse:
    """Answer the recordings, newest first, and what is played now."""
    authorize(request, READ)
    return JSONResponse(await services(request).recordings.describe())


async def start_recording(request: Request) -> JSONResponse:
    """Record a room: ``{"room"}``."""
    principal = authorize(request, ACT)
    room = _room(request, principal, get_field(await json_body(request), "room", str), "room.join")
    here = services(request)
    record_order(request, principal, "recording", room=room)
    name = await here.recordings.start(_url(request), room, principal.name, here.settings.auth.required)
    return JSONResponse({"file": name}, 201)


async def stop_recording(request: Request) -> JSONResponse:
    """End a recording that was started here."""
    await _authorized(request)
    await services(request).recordings.stop(request.path_params["number"])
    return JSONResponse({})


async def give_recording(request: Request) -> FileResponse:
    """Answer the file, or with ``?format=csv`` (``jsonl``, ``npz``, ``bvh``) another one that is made of it."""
    _, recording = await _authorized(request)
    kind = request.query_params.get("format", "")
    if not kind:
        return _download(recording.file)
    stack = AsyncExitStack()
    async with limits(request).exporting:
        making = services(request).recordings.exported(recording.number, kind, request.query_params.get("device", ""))
        file = await stack.enter_async_context(making)
    answer = _download(file)
    answer.background = BackgroundTask(stack.aclose)
    return answer


async def play_recording(request: Request) -> JSONResponse:
    """Play it into a room: ``{"room", "speed"?: 1}``."""
    principal, recording = await _authorized(request)
    body = await json_body(request)
    room = _room(request, principal, get_field(body, "room", str), "room.join", "room.publish")
    speed = body.get("speed", 1)
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0.01 <= speed <= 100:
        raise WireError('"speed" must be 0.01 to 100')
    here = services(request)
    record_order(request, principal, "replay", room=room)
    number = await here.recordings.play(
        recording.number, _url(request), room, speed, principal.name, here.settings.auth.required
    )
    return JSONResponse({"number": number}, 201)


async def stop_player(request: Request) -> JSONResponse:
    """End the program that plays a recording into a room."""
    authorize(request, ACT)
    await services(request).recordings.stop_playing(request.path_params["number"])
    return JSONResponse({})


async def delete_recording(request: Request) -> JSONResponse:
    """Take a recording out of the list, and off the disk where this host has made it."""
    principal, recording = await _authorized(request)
    record_order(request, principal, "recording deleted", room=recording.room[:64])
    await services(request).recordings.delete(recording.number)
    return JSONResponse({})


async def _authorized(request: Request) -> tuple[Principal, IndexedRecording]:
    """Who may act and enter the recorded room, and the recording."""
    principal = authorize(request, ACT)
    recording = await services(request).recordings.find(request.path_params["number"])
    principal.require(f"room.join:{recording.room}")
    return principal, recording


def _room(request: Request, principal: Principal, room: str, *verbs: str) -> str:
    if not 0 < len(room) <= _NAME_MAX or not room.isprintable():
        raise WireError(f"a room has a name of 1 to {_NAME_MAX} characters, all of which can be shown")
    for verb in verbs:
        principal.require(f"{verb}:{room}")
    if services(request).settings.auth.required and any(char in "*?[]" or char.isspace() for char in room):
        raise WireError("a room with *, ?, brackets or blanks in its name cannot be used here: no scope can name it")
    return room


def _url(request: Request) -> str:
    scheme = "wss" if request.url.scheme == "https" else "ws"
    return f"{scheme}://{request.url.netloc}/posewire/v1/"


def _download(file: Path) -> FileResponse:
    return FileResponse(file, filename=file.name, media_type="application/octet-stream")
