"""``/api/paired``: who is paired, and pairing by people who are not at the host's own command line."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from posewire.errors import WireError
from posewire.identity.principal import DEVICE_SCOPES, read_scopes
from posewire.server.http.app import authorize, client_address, services


async def list_paired(request: Request) -> Response:
    """Paired devices, with whether they are connected."""
    authorize(request, "operator.read")
    here = services(request)
    devices = [
        {
            "device_id": device.device_id,
            "name": device.name,
            "scopes": sorted(device.scopes),
            "paired": device.paired,
            "revoked": device.revoked,
            "connected": here.registry.device(device.device_id) is not None,
        }
        for device in here.identities.devices.values()
    ]
    return JSONResponse({"devices": devices})


async def pair_device(request: Request) -> Response:
    """Confirm the code that a device shows: ``{"code":"123456","name":"kitchen"}``."""
    principal = authorize(request, "operator.pair")
    here = services(request)
    here.pair_limit.take(client_address(request))
    try:
        wish = json.loads(await request.body())
    except ValueError:
        raise WireError("the body is not JSON", "bad_json") from None
    if not isinstance(wish, dict) or not isinstance(wish.get("code"), str):
        raise WireError('the body is {"code":"123456","name":"kitchen"}')
    name, scopes = wish.get("name", ""), wish.get("scopes", "")
    if not isinstance(name, str) or not isinstance(scopes, str):
        raise WireError("name and scopes are texts")
    granted = read_scopes(scopes) or DEVICE_SCOPES
    for scope in sorted(granted):
        # Nobody gives away what is not theirs.
        principal.require_to_grant(scope)
    device = await here.identities.pair(wish["code"], name[:64], granted, principal.name)
    return JSONResponse({"device_id": device.device_id, "name": device.name}, 201)


async def revoke_device(request: Request) -> Response:
    """Take a device's access away; its connection is closed."""
    principal = authorize(request, "operator.pair")
    await services(request).identities.revoke_device(str(request.path_params["device"]).lower(), principal.name)
    return JSONResponse({"revoked": True})
