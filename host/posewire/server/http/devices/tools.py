"""A device's tools: see them, call them. See docs/push.md."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import ToolError
from posewire.server.http.devices.listing import find_connection
from posewire.server.http.request import ACT, READ, authorize, json_body, record_order
from posewire.voice.tools.base import ToolContext, ToolInfo
from posewire.wire.messages import get_field


async def list_tools(request: Request) -> JSONResponse:
    """Answer a device's own tools, or with ``?all=1`` all that its session can call."""
    authorize(request, READ)
    handler = find_connection(request)
    tools: Mapping[str, ToolInfo] = handler.tools.available()
    kinds: Mapping[str, str] = {}
    if request.query_params.get("all") == "1":
        manager = handler.all_tools.manager
        tools, kinds = manager.available(), manager.kinds()
    return JSONResponse(
        {
            "tools": [
                {
                    "name": name,
                    "kind": kinds.get(name, "device"),
                    "description": info.description,
                    "inputSchema": {"type": "object", **info.schema},
                }
                for name, info in tools.items()
            ]
        }
    )


async def call_tool(request: Request) -> JSONResponse:
    """Call a tool in a device's session; the body is ``{"arguments": {…}}``."""
    principal = authorize(request, ACT)
    handler = find_connection(request)
    arguments = get_field(await json_body(request), "arguments", dict, {})
    name = request.path_params["tool"]
    handler.log.info("tool_by_operator", name=name, operator=principal.name)
    record_order(request, principal, "device tool", handler.device_id, tool=name[:100])
    context = ToolContext(device=handler.device_id, session=handler.session_id)
    try:
        output = await handler.all_tools.manager.call(name, arguments, context)
    except ToolError as exc:
        return JSONResponse({"text": str(exc), "failed": True})
    return JSONResponse({"text": output.text, "failed": False})
