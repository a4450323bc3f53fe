"""``/api/devices``: the devices that are connected, known or lost, with session, pairing, report and update."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from posewire.errors import WireError
from posewire.server.connection.peer import Peer
from posewire.server.http.request import ACT, READ, authorize, device_id, json_body, services
from posewire.server.http.shared_answers import shared_answer
from posewire.server.services import Services
from posewire.wire.messages import get_field

_NAME_MAX = 64


async def list_devices(request: Request) -> Response:
    """Answer all devices: the connected ones first, then those that are away but paired, have a token, or were lost."""
    authorize(request, READ)
    here = services(request)

    def describe() -> dict[str, Any]:
        connected = [peer.device_id for peer in here.registry]
        names = dict.fromkeys([*connected, *here.identities.known(), *here.registry.lost])
        return {"devices": [_describe(here, name) for name in names]}

    return shared_answer(request, describe)


async def show_device(request: Request) -> JSONResponse:
    """Answer one device."""
    authorize(request, READ)
    here, device = services(request), device_id(request)
    _require_known(here, device)
    return JSONResponse(_describe(here, device))


async def rename_device(request: Request) -> JSONResponse:
    """Give a device a name: ``{"name"}``; an empty one takes it away."""
    principal = authorize(request, ACT)
    here, device = services(request), device_id(request)
    name = get_field(await json_body(request), "name", str).strip()
    if len(name) > _NAME_MAX or not name.isprintable():
        raise WireError(f"a name has at most {_NAME_MAX} characters, all of which can be shown")
    _require_known(here, device)
    await here.identities.rename(device, name, principal.name)
    return JSONResponse(_describe(here, device))


def find_connection(request: Request) -> Peer:
    """Return the connection of the device in the path.

    Raises:
        WireError: ``not_found``: the device is not connected.
    """
    device = device_id(request)
    peer = services(request).registry.device(device)
    if peer is None:
        raise WireError(f"the device {device[:64]} is not connected", "not_found")
    return peer


def _require_known(here: Services, device: str) -> None:
    of_this_run = here.registry.device(device) is not None or device in here.registry.lost
    if not of_this_run and device not in here.identities.known():
        raise WireError(f"the device {device[:64]} is neither connected nor paired", "not_found")


def _describe(here: Services, device: str) -> dict[str, Any]:
    peer, report, update = here.registry.device(device), here.reports.get(device), here.updates.get(device)
    return {
        "device": device,
        "name": here.identities.name_of(device),
        "session": _session(peer) if peer is not None else None,
        "lost": here.registry.lost.get(device),
        "pairing": _pairing(here, device),
        "report": report.as_dict() if report is not None else None,
        "update": update.as_dict() if update is not None else None,
    }


def _session(peer: Peer) -> dict[str, Any]:
    hello = peer.hello
    return {
        # The start, as in the log: the whole lets anybody resume the session, and this is told to all who may read.
        "id": peer.session_id[:8],
        "board": hello.board if hello else "",
        "firmware": hello.firmware if hello else "",
        "updatable": bool(hello and hello.update),
        "room": peer.room_name,
        "audio": peer.audio.format,
        "voice": peer.voice.state,
        "tools": len(peer.tools.available()),
        "rtt_ms": peer.round_trip_ms,
        "level_db": peer.voice.level,
    }


def _pairing(here: Services, device: str) -> dict[str, Any] | None:
    paired = here.identities.devices.get(device)
    if paired is None:
        return None
    return {
        "name": paired.name,
        "scopes": sorted(paired.scopes),
        "paired": paired.paired,
        "revoked": paired.revoked,
    }
