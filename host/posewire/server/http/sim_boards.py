"""``/api/sim-boards``: somebody without a board tries a simulated one; only on an open host, from its own machine."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import WireError
from posewire.loopback import is_loopback
from posewire.server.http.request import ACT, READ, authorize, client_address, json_body, record_order, services
from posewire.wire.messages import get_field


async def list_sim_boards(request: Request) -> JSONResponse:
    """Answer the simulated boards that were started here."""
    authorize(request, READ)
    here = services(request)
    return JSONResponse({"available": _available(request), "boards": here.sim_boards.describe()})


async def start_sim_board(request: Request) -> JSONResponse:
    """Start one: ``{"room"?: "demo"}``."""
    principal = authorize(request, ACT)
    _require_local(request)
    room = get_field(await json_body(request), "room", str, "demo")[:64]
    record_order(request, principal, "sim board")
    scheme = "wss" if request.url.scheme == "https" else "ws"
    url = f"{scheme}://{request.url.netloc}/posewire/v1/"
    return JSONResponse(await services(request).sim_boards.start(url, room), 201)


async def stop_sim_board(request: Request) -> JSONResponse:
    """End the simulated board with this number."""
    authorize(request, ACT)
    _require_local(request)
    await services(request).sim_boards.stop(request.path_params["number"])
    return JSONResponse({})


def _available(request: Request) -> bool:
    return is_loopback(client_address(request)) and not services(request).settings.auth.required


def _require_local(request: Request) -> None:
    if not _available(request):
        raise WireError("simulated boards start only from this machine, on a host without authentication", "forbidden")
