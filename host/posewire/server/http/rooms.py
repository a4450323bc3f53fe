"""``/api/rooms``: the rooms, who is in them, and what is published there."""

from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from posewire.rooms.member import Member
from posewire.rooms.room import Room
from posewire.server.http.request import READ, authorize, sender, services
from posewire.server.http.shared_answers import shared_answer
from posewire.server.messages.room import may_enter
from posewire.server.services import Services

_WINDOW = 2.0
"""Seconds over which rates are taken."""


async def list_rooms(request: Request) -> Response:
    """Answer the rooms with their members and what each publishes and misses."""
    authorize(request, READ)
    here = services(request)
    rooms = here.rooms.rooms.values()
    now = monotonic()
    return shared_answer(request, lambda: {"rooms": [_describe(here, room, now) for room in rooms]})


async def show_room(request: Request) -> Response:
    """Answer one room, also to those who may only be in it; one that is not there has no members."""
    principal, here, name = sender(request), services(request), str(request.path_params["room"])
    if not may_enter(principal, name):
        principal.require(READ)

    def describe() -> dict[str, Any]:
        room = here.rooms.rooms.get(name)
        return {"room": name, "locked": False, "members": []} if room is None else _describe(here, room, monotonic())

    return shared_answer(request, describe)


def _describe(here: Services, room: Room, now: float) -> dict[str, Any]:
    members = [
        {
            **member.describe(),
            "name": here.identities.name_of(member.device),
            "rates": _rates(member, now),
            "dropped": dict(member.dropped),
        }
        for member in room.members.values()
    ]
    return {"room": room.name, "locked": room.locked, "members": members}


def _rates(member: Member, now: float) -> dict[str, dict[str, float]]:
    frames = member.last_frames
    window = _WINDOW
    if frames and len(frames) == frames.maxlen:
        # Older frames of the window may have been pushed out.
        window = max(min(window, now - frames[0][0]), 1e-3)
    rates: dict[str, dict[str, float]] = {}
    for kind in sorted(member.publish):
        sizes = [len(payload) for at, of_kind, payload in frames if of_kind == kind and now - at <= window]
        rates[kind] = {"fps": round(len(sizes) / window, 1), "kbit_s": round(sum(sizes) * 8 / 1000 / window, 1)}
    return rates
