"""``/api/boards``: which boards are here, how they fare, and their updates."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import UpdateError, WireError
from posewire.server.http.app import authorize, record_order, services


async def list_boards(request: Request) -> JSONResponse:
    """The connected boards with their latest report and update."""
    authorize(request, "operator.read")
    here = services(request)
    boards: list[dict[str, Any]] = []
    for handler in here.registry:
        hello = handler.hello
        if hello is None:
            continue
        report, update = here.reports.get(handler.device_id), here.updates.get(handler.device_id)
        boards.append(
            {
                "device_id": handler.device_id,
                "board": hello.board,
                "firmware": hello.firmware,
                "updatable": hello.update,
                "report": report.as_dict() if report is not None else None,
                "update": update.as_dict() if update is not None else None,
            }
        )
    return JSONResponse({"boards": boards, "images": here.updates.images()})


async def start_update(request: Request) -> JSONResponse:
    """Begin an update of one board; the body may say ``{"kind":"image","image":"<name>"}``."""
    principal = authorize(request, "operator.update")
    here = services(request)
    device = str(request.path_params["device"]).lower()
    handler = here.registry.device(device)
    if handler is None or handler.hello is None:
        raise WireError(f"{device} is not connected", "not_found")
    if not handler.hello.update:
        raise WireError(f"{device} runs firmware that this host cannot update", "not_available")
    wish = await _body(request)
    kind, image = wish.get("kind", "app"), wish.get("image", "")
    if not isinstance(kind, str) or not isinstance(image, str):
        raise UpdateError("kind and image are texts", "bad_request")
    update = here.updates.start(device, handler.send, kind, image)
    record_order(request, principal, "board update", device, kind=kind, image=image)
    handler.log.info("update", stage=update.stage, kind=kind)
    return JSONResponse(update.as_dict(), 202)


async def show_update(request: Request) -> JSONResponse:
    """How far a board's latest update is."""
    authorize(request, "operator.read")
    device = str(request.path_params["device"]).lower()
    update = services(request).updates.get(device)
    if update is None:
        raise WireError(f"{device} was not updated since this host started", "not_found")
    return JSONResponse(update.as_dict())


async def _body(request: Request) -> dict[str, Any]:
    data = await request.body()
    try:
        wish = json.loads(data) if data else {}
    except ValueError:
        raise UpdateError("the body is not JSON", "bad_request") from None
    if not isinstance(wish, dict):
        raise UpdateError("the body is not a JSON object", "bad_request")
    return wish
