"""``/api/rooms/<room>/links``: a link with which anybody can look into one room, for some time."""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import WireError
from posewire.server.http.request import ACT, authorize, json_body, record_order, services
from posewire.wire.messages import get_field

_MOST_HOURS = 30 * 24


async def make_room_link(request: Request) -> JSONResponse:
    """Make a link: ``{"hours"?: 24}``. Its token grants ``room.watch:<room>``, and nothing else."""
    principal = authorize(request, ACT)
    room = str(request.path_params["room"])
    principal.require(f"room.join:{room}")
    here = services(request)
    hours = get_field(await json_body(request), "hours", int, 24)
    if not here.settings.auth.required:
        raise WireError("only this machine can reach this host: nobody else could follow a link", "not_available")
    if not 1 <= hours <= _MOST_HOURS:
        raise WireError(f'"hours" must be 1 to {_MOST_HOURS}')
    if any(char in "*?[]" or char.isspace() for char in room):
        raise WireError(
            "a room cannot have links while its name has *, ?, brackets or blanks: a scope gives them a meaning"
        )
    token = await here.identities.issue(
        f"link to {room}"[:64], "person", [f"room.watch:{room}"], hours / 24, principal.name
    )
    record_order(request, principal, "room link", room=room[:64])
    return JSONResponse({"token": token, "room": room, "expires": time.time() + hours * 3600}, 201)
