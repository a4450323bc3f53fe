"""Speech on a device at an operator's order: say a text, or let the device answer one. See docs/push.md."""

import asyncio
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse

from posewire.errors import WireError
from posewire.server.http.devices.listing import find_connection
from posewire.server.http.request import ACT, authorize, device_id, json_body, record_order, services
from posewire.server.push.announcer import Announcement
from posewire.wire.messages import get_field


async def say(request: Request) -> JSONResponse:
    """Say something on a device, or on ``all``: ``{"text", "urgent"?, "keep"?, "emotion"?, "wait"?}``."""
    principal = authorize(request, ACT)
    host = services(request)
    body = await json_body(request)
    device = device_id(request)
    targets = [device] if device != "all" else [peer.device_id for peer in host.registry if peer.voice.speaks]
    if host.assistant is None:
        raise WireError("this host runs without a voice pipeline", "not_available")
    wait = get_field(body, "wait", bool, False)
    wanted = Announcement(
        get_field(body, "text", str),
        urgent=get_field(body, "urgent", bool, False),
        keep=_seconds(body.get("keep", 60)),
        emotion=get_field(body, "emotion", str, "neutral")[:20],
        source=principal.name,
    )
    # The whole request is checked before anything is said, also where nobody is there to say it to.
    record_order(request, principal, "device say", device)
    announcements = {target: replace(wanted) for target in targets}
    for target, announcement in announcements.items():
        host.push.announcer.announce(target, announcement)
    if not wait:
        return JSONResponse({"devices": dict.fromkeys(targets, "queued")}, 202)
    outcomes = await asyncio.gather(*(asyncio.shield(item.outcome) for item in announcements.values()))
    return JSONResponse({"devices": dict(zip(targets, outcomes, strict=True))})


async def ask(request: Request) -> JSONResponse:
    """Let a device answer a text as if it had been typed there: ``{"text"}``. The device must not be busy."""
    principal = authorize(request, ACT)
    peer = find_connection(request)
    text = get_field(await json_body(request), "text", str).strip()
    voice = peer.voice.get_or_create()
    if voice is None:
        raise WireError("this host runs without a voice pipeline", "not_available")
    if not 0 < len(text) <= 1000:
        raise WireError("the text must have 1 to 1000 characters")
    if voice.busy:
        raise WireError(f"{peer.device_id} is busy", "busy")
    record_order(request, principal, "device ask", peer.device_id)
    voice.text(text)
    return JSONResponse({"device": peer.device_id}, 202)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError('"keep" must be a number of seconds')
    return float(value)
