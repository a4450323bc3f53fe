"""The operator's HTTP interface to devices: see them, call their tools, say something on them. See docs/push.md."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from posewire.errors import ToolError, WireError
from posewire.server.connection.handler import ConnectionHandler
from posewire.server.http.app import authorize, record_order, services
from posewire.server.push.announcer import Announcement
from posewire.voice.tools.base import ToolContext, ToolInfo
from posewire.wire.messages import field

READ = "operator.read"
"""Scope for looking."""

ACT = "operator.act"
"""Scope for calling tools and speaking."""


async def list_sessions(request: Request) -> JSONResponse:
    """Answer which devices are connected, and what they are doing."""
    authorize(request, READ)
    return JSONResponse({"sessions": [_session(handler) for handler in services(request).registry]})


async def list_tools(request: Request) -> JSONResponse:
    """Answer a device's own tools, or with ``?all=1`` all that its session can call."""
    authorize(request, READ)
    handler = find_device(request)
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
    handler = find_device(request)
    arguments = field(await json_body(request), "arguments", dict, {})
    name = request.path_params["tool"]
    handler.log.info("tool_by_operator", name=name, operator=principal.name)
    record_order(request, principal, "board tool", handler.device_id, tool=name)
    context = ToolContext(device=handler.device_id, session=handler.session_id)
    try:
        output = await handler.all_tools.manager.call(name, arguments, context)
    except ToolError as exc:
        return JSONResponse({"text": str(exc), "failed": True})
    return JSONResponse({"text": output.text, "failed": False})


async def say(request: Request) -> JSONResponse:
    """Say something on a device, or on ``all``: ``{"text", "urgent"?, "keep"?, "emotion"?, "wait"?}``."""
    principal = authorize(request, ACT)
    host = services(request)
    body = await json_body(request)
    device = str(request.path_params["device"]).lower()
    targets = [device] if device != "all" else [handler.device_id for handler in host.registry if handler.speaks]
    if host.assistant is None:
        raise WireError("this host runs without a voice pipeline", "not_available")
    wait = field(body, "wait", bool, False)
    wanted = Announcement(
        field(body, "text", str),
        urgent=field(body, "urgent", bool, False),
        keep=_seconds(body.get("keep", 60)),
        emotion=field(body, "emotion", str, "neutral")[:20],
        source=principal.name,
    )
    # Only when the whole request makes sense is anything said, or nobody found to say it to.
    record_order(request, principal, "board say", device)
    announcements = {target: replace(wanted) for target in targets}
    for target, announcement in announcements.items():
        host.push.announcer.announce(target, announcement)
    if not wait:
        return JSONResponse({"devices": dict.fromkeys(targets, "queued")}, 202)
    outcomes = await asyncio.gather(*(asyncio.shield(item.outcome) for item in announcements.values()))
    return JSONResponse({"devices": dict(zip(targets, outcomes, strict=True))})


async def ask(request: Request) -> JSONResponse:
    """Let a device answer a text as if it had been typed there: ``{"text"}``. It must not be busy."""
    principal = authorize(request, ACT)
    handler = find_device(request)
    text = field(await json_body(request), "text", str).strip()
    if handler.voice is None:
        raise WireError("this host runs without a voice pipeline", "not_available")
    if not 0 < len(text) <= 1000:
        raise WireError("the text has 1 to 1000 characters")
    if handler.voice.busy:
        raise WireError(f"{handler.device_id} is busy", "busy")
    record_order(request, principal, "board ask", handler.device_id)
    handler.voice.text(text)
    return JSONResponse({"device": handler.device_id}, 202)


ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/sessions", list_sessions),
    Route("/api/devices/{device}/tools", list_tools),
    Route("/api/devices/{device}/tools/{tool}", call_tool, methods=["POST"]),
    Route("/api/devices/{device}/say", say, methods=["POST"]),
    Route("/api/devices/{device}/ask", ask, methods=["POST"]),
)


def _session(handler: ConnectionHandler) -> dict[str, Any]:
    hello = handler.hello
    return {
        "device": handler.device_id,
        "session": handler.session_id,
        "board": hello.board if hello else "",
        "firmware": hello.firmware if hello else "",
        "voice": handler.voice_state,
        "tools": len(handler.tools.available()),
    }


def find_device(request: Request) -> ConnectionHandler:
    """Return the connection of the device in the path.

    Raises:
        WireError: ``not_found``: it is not connected.
    """
    device = str(request.path_params["device"]).lower()
    handler = services(request).registry.device(device)
    if handler is None:
        raise WireError(f"no device {device[:64]} is connected", "not_found")
    return handler


async def json_body(request: Request) -> dict[str, Any]:
    """Return the body, a JSON object; none is an empty one.

    Raises:
        WireError: it is none.
    """
    try:
        body = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        raise WireError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise WireError("the body must be a JSON object")
    return body


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError('"keep" must be a number of seconds')
    return float(value)
