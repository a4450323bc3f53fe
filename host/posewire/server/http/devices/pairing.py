"""Pairing of devices by people who are not at the host's own command line, and its end."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import ConfigError, WireError
from posewire.identity.principal import DEVICE_SCOPES, check_scopes, read_scopes
from posewire.identity.stored import read_pairings
from posewire.server.http.request import authorize, client_group, device_id, json_body, limits, services
from posewire.wire.messages import get_field

PAIR = "operator.pair"


async def pair_device(request: Request) -> JSONResponse:
    """Confirm the code that a device shows: ``{"code":"123456","name"?:"kitchen","scopes"?:"voice room.join"}``."""
    principal = authorize(request, PAIR)
    limits(request).pairing.count(client_group(request))
    body = await json_body(request)
    code, name = get_field(body, "code", str), get_field(body, "name", str, "")[:64]
    granted = read_scopes(get_field(body, "scopes", str, "")) or DEVICE_SCOPES
    if not services(request).settings.server.plugins:
        try:
            check_scopes(granted)
        except ConfigError as error:
            raise WireError(str(error)) from None
    for scope in sorted(granted):
        # Nobody gives away what is not theirs.
        principal.require_to_grant(scope)
    device = await services(request).identities.pair(code, name, granted, principal.name)
    return JSONResponse({"device": device.device_id, "name": device.name}, 201)


async def list_waiting(request: Request) -> JSONResponse:
    """Answer the devices that wait to be paired, each with the code that it shows."""
    authorize(request, PAIR)
    waiting = [
        {
            "code": each.code,
            "device": each.device_id,
            "board": each.board,
            "address": each.peer,
            "expires": each.expires,
        }
        for each in await services(request).store.run(read_pairings)
    ]
    return JSONResponse({"waiting": waiting})


async def refuse_pairing(request: Request) -> JSONResponse:
    """Refuse the device that waits with the code in the path: it is told so, and gets no new code for ten minutes."""
    principal = authorize(request, PAIR)
    device = await services(request).identities.refuse(str(request.path_params["code"]), principal.name)
    return JSONResponse({"device": device})


async def revoke_pairing(request: Request) -> JSONResponse:
    """Take a device's access away; its connection is closed."""
    principal = authorize(request, PAIR)
    device = device_id(request)
    await services(request).identities.revoke_device(device, principal.name)
    return JSONResponse({"device": device})
