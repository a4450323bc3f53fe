"""Pairing of devices by people who are not at the host's own command line, and its end."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.identity.principal import DEVICE_SCOPES, read_scopes
from posewire.server.http.request import authorize, client_group, device_id, json_body, limits, services
from posewire.wire.messages import field

PAIR = "operator.pair"


async def pair_device(request: Request) -> JSONResponse:
    """Confirm the code that a device shows: ``{"code":"123456","name"?:"kitchen","scopes"?:"voice room.join"}``."""
    principal = authorize(request, PAIR)
    limits(request).pairing.count(client_group(request))
    body = await json_body(request)
    code, name = field(body, "code", str), field(body, "name", str, "")[:64]
    granted = read_scopes(field(body, "scopes", str, "")) or DEVICE_SCOPES
    for scope in sorted(granted):
        # Nobody gives away what is not theirs.
        principal.require_to_grant(scope)
    device = await services(request).identities.pair(code, name, granted, principal.name)
    return JSONResponse({"device": device.device_id, "name": device.name}, 201)


async def revoke_pairing(request: Request) -> JSONResponse:
    """Take a device's access away; its connection is closed."""
    principal = authorize(request, PAIR)
    device = device_id(request)
    await services(request).identities.revoke_device(device, principal.name)
    return JSONResponse({"device": device})
