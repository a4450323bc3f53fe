"""What a lost session leaves for its return: a place in a room, a dialogue. It is held for the resume window."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posewire.rooms.member import Member
from posewire.rooms.room import Room
from posewire.server.state.shared_states import device_state, room_state
from posewire.voice.session import VoiceMemory

if TYPE_CHECKING:
    from posewire.server.services import Services


@dataclass
class Kept:
    """What outlives a connection. ``member`` is the session's place in ``room``; both or neither."""

    voice: VoiceMemory | None = None
    room: Room | None = None
    member: Member | None = None


@dataclass
class Held:
    """What is kept of a lost session until its timer fires."""

    device_id: str
    kept: Kept
    timer: asyncio.TimerHandle


def hold(services: "Services", session_id: str, device_id: str, kept: Kept, seconds: float) -> None:
    """Keep what a session left for so long; after that its place in the room is given up."""
    # The timer must not hold the connection: what waits for the device is a place in a room, no more.
    timer = asyncio.get_running_loop().call_later(seconds, _expire, services, session_id)
    services.registry.hold(session_id, Held(device_id, kept, timer))


def give_up_held(services: "Services", device_id: str) -> None:
    """Give up what is held for a device's return: it has begun anew."""
    for session_id in services.registry.held_for(device_id):
        _expire(services, session_id, "replaced")


def forget_states(services: "Services", device_id: str, room: Room | None) -> None:
    """Drop the state of a room that is no more, or (no room given) of a device that is not here."""
    if room is not None:
        if room.name not in services.rooms.rooms:
            services.states.drop(room_state(room.name))
    elif services.registry.device(device_id) is None:
        services.states.drop(device_state(device_id))


def _expire(services: "Services", session_id: str, reason: str = "timeout") -> None:
    held = services.registry.drop_held(session_id)
    if held is None:
        return
    kept = held.kept
    if kept.room is not None and kept.member is not None:
        services.rooms.leave(kept.room, kept.member, reason)
        forget_states(services, held.device_id, kept.room)
    forget_states(services, held.device_id, None)
