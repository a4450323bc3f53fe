"""``/xiaozhi/ota/``: a stock device asks here for its server, its token and newer firmware, and is paired.

A device that this host does not know gets a six-digit code, which it shows or speaks; somebody who may do so confirms
it (``posewire devices pair CODE``, or ``POST /api/devices``), or refuses the device, which is told so.
"""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from posewire.errors import WireError
from posewire.identity.records import Pairing
from posewire.log import EventLog
from posewire.loopback import is_loopback
from posewire.server.authenticator import said_by
from posewire.server.http.request import client_address, client_group, json_body, limits, services

PATH = "/xiaozhi/v1/"
_ACTIVATION_TIMEOUT = 30_000


async def allow_pages(request: Request) -> Response:
    """Answer a browser that asks whether a page of another address may use this (the CORS preflight)."""
    return Response(status_code=204, headers=_cors(request))


async def check_version(request: Request) -> Response:
    """Tell a device its server and token; one that is not known gets a pairing code, and a token for afterwards."""
    here = services(request)
    device_id, client_id = _device(request)
    _count(request, device_id)
    info = await json_body(request)
    application = info.get("application")
    version = application.get("version") if isinstance(application, dict) else None
    settings = here.settings.ota
    answer: dict[str, Any] = {
        "server_time": {"timestamp": int(time.time() * 1000), "timezone_offset": time.localtime().tm_gmtoff // 60},
        # The version that it has, so that there is nothing to install: stock firmware comes from its makers.
        "firmware": {"version": version if isinstance(version, str) else "", "url": ""},
        "websocket": {
            "url": settings.websocket_url or _own_url(request),
            "token": "",
            "version": settings.frame_protocol,
        },
    }
    if here.settings.auth.required:
        # The command line may have paired it a moment ago.
        await here.identities.refresh()
        token = here.identities.device_token(device_id, client_id)
        if token is not None:
            answer["websocket"]["token"] = token
        elif here.settings.auth.pairing:
            try:
                pairing = await _pairing(request, device_id, client_id, info)
            except WireError as error:
                if error.code != "refused":
                    raise
                # Stock firmware shows the message only where there is a code, be it empty.
                answer["activation"] = {"code": "", "message": str(error)}
            else:
                # Some clients never ask again: this token is good as soon as somebody confirms the code.
                answer["websocket"]["token"] = here.identities.pending_token(pairing)
                answer["activation"] = {
                    "code": pairing.code,
                    "message": f"posewire devices pair {pairing.code}",
                    "challenge": pairing.challenge,
                    "timeout_ms": _ACTIVATION_TIMEOUT,
                }
    here.counters["ota_checks"] += 1
    return JSONResponse(answer, headers=_cors(request))


async def activate(request: Request) -> Response:
    """Answer a device that waits for its pairing: 200 when it is done, 202 while it waits."""
    here = services(request)
    device_id, client_id = _device(request)
    _count(request, device_id)
    if not here.settings.auth.required:
        return JSONResponse({"success": True}, headers=_cors(request))
    match await here.identities.pairing_state(device_id, client_id):
        case "paired":
            return JSONResponse({"success": True}, headers=_cors(request))
        case "waiting":
            message = "nobody has confirmed the code yet"
            return JSONResponse({"success": False, "message": message}, 202, headers=_cors(request))
        case "refused":
            raise WireError("this host has refused to pair the device", "refused")
        case _:
            raise WireError("the code has expired: check for a new one", "not_found")


async def _pairing(request: Request, device_id: str, client_id: str, info: dict[str, Any]) -> Pairing:
    identities, address = services(request).identities, client_address(request)
    is_new = await identities.pairing_state(device_id, client_id) != "waiting"
    if is_new:
        limits(request).pairing_codes.count(client_group(request))
    board = info.get("board")
    name = board.get("name") if isinstance(board, dict) else None
    pairing = await identities.want_pairing(device_id, client_id, str(name or "")[:40], address)
    if is_new:
        command = services(request).command("devices", "pair", pairing.code)
        EventLog().info("pairing_wanted", device=device_id, board=pairing.board, code=pairing.code, confirm=command)
    return pairing


def _cors(request: Request) -> dict[str, str]:
    """Return the headers that let pages of other addresses read an answer, as stock servers send them.

    Only where authentication protects what follows: a page learns an address, a code that somebody has to confirm, and
    a token that is good for one device and client id, which it must know, once that was done. Without authentication
    the host obeys this machine's own programs alone.
    """
    if not services(request).settings.auth.required:
        return {}
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": "activation-version, client-id, content-type, device-id",
        "Access-Control-Max-Age": "600",
    }


def _count(request: Request, device_id: str) -> None:
    address = client_address(request)
    group = client_group(request)
    limits(request).ota_device.count((group, device_id))
    if not is_loopback(address):
        limits(request).ota_address.count(group)


def _device(request: Request) -> tuple[str, str]:
    device_id, client_id = said_by(request.headers)
    if not device_id or not client_id:
        raise WireError("the headers Device-Id and Client-Id are missing", "bad_message")
    return device_id, client_id


def _own_url(request: Request) -> str:
    """Return the address that the device has reached as a WebSocket URL; some leave the port out of ``Host``."""
    scheme = "wss" if request.url.scheme == "https" else "ws"
    name = request.url.hostname or ""
    port = request.url.port or request.scope["server"][1]
    return f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}{PATH}"
