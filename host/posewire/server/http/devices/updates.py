"""Updates of a device's firmware, and the firmware images that there are."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import WireError
from posewire.server.http.devices.listing import find_connection
from posewire.server.http.request import READ, authorize, device_id, json_body, record_order, services
from posewire.wire.messages import get_field


async def list_images(request: Request) -> JSONResponse:
    """Answer the names of the firmware images in the folder ``[update] images``."""
    authorize(request, READ)
    return JSONResponse({"images": services(request).updates.images()})


async def start_update(request: Request) -> JSONResponse:
    """Begin an update of a device; the body may be ``{"kind":"image","image":"<name>"}``."""
    principal = authorize(request, "operator.update")
    handler, body = find_connection(request), await json_body(request)
    device = handler.device_id
    if handler.hello is None or not handler.hello.update:
        raise WireError(f"{device} runs firmware that this host cannot update", "not_available")
    kind, image = get_field(body, "kind", str, "app"), get_field(body, "image", str, "")
    update = services(request).updates.start(device, handler.send, kind, image)
    record_order(request, principal, "device update", device, kind=kind, image=image)
    handler.log.info("update", stage=update.stage, kind=kind)
    return JSONResponse(update.as_dict(), 202)


async def show_update(request: Request) -> JSONResponse:
    """Answer the progress of a device's latest update."""
    authorize(request, READ)
    device = device_id(request)
    update = services(request).updates.get(device)
    if update is None:
        raise WireError(f"{device[:64]} has not been updated since this host started", "not_found")
    return JSONResponse(update.as_dict())
