"""``/api/devices/<device>/settings``: the settings on a board itself, where its firmware tells them."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import ToolError, WireError
from posewire.server.connection.tools.device_settings import list_settings, set_setting
from posewire.server.connection.tools.device_tools import NoAnswerError
from posewire.server.http.devices.listing import find_connection
from posewire.server.http.request import ACT, authorize, json_body, record_order
from posewire.wire.messages import get_field


async def show_device_settings(request: Request) -> JSONResponse:
    """Answer a board's settings: each with its value, its default, and what it must be."""
    authorize(request, ACT)
    peer = find_connection(request)
    try:
        return JSONResponse({"settings": await list_settings(peer.tools)})
    except ToolError as error:
        raise _refusal(error) from None


async def change_device_setting(request: Request) -> JSONResponse:
    """Change one: ``{"name", "value"}``. It holds from the board's next start."""
    principal = authorize(request, ACT)
    peer = find_connection(request)
    body = await json_body(request)
    name = get_field(body, "name", str)
    if "value" not in body:
        raise WireError('"value" is missing')
    record_order(request, principal, "device setting", peer.device_id, name=name[:64])
    try:
        await set_setting(peer.tools, name, body["value"])
    except ToolError as error:
        raise _refusal(error) from None
    return JSONResponse({"restart": True})


def _refusal(error: ToolError) -> WireError:
    if isinstance(error, NoAnswerError):
        return WireError(str(error), "no_answer")
    if "no such method" in str(error):
        return WireError("this device tells no settings: its firmware is older, or another one", "not_available")
    return WireError(str(error))
