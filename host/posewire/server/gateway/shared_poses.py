"""Poses for all clients of the gateway: each is decoded, and written as JSON, once."""

import json
from typing import Any

from posewire.server.gateway.pose_values import plain_values
from posewire.wire.pose import FrameCache, PoseFrame

_CAPACITY = 64


class EventText:
    """What an event carries, as JSON already."""

    def __init__(self, text: str) -> None:
        self.text = text


class SharedPoses:
    """What the clients of a gateway share: ``frames`` for their decoders, and the JSON of the last 64 poses."""

    def __init__(self) -> None:
        self.frames = FrameCache()
        # The states are kept, so that their ids name no others.
        self._texts: dict[tuple[int, ...], tuple[tuple[Any, ...], str]] = {}

    def values(self, pose: PoseFrame) -> str:
        """Return the values of a pose, by landmark set, as JSON."""
        states = tuple(pose.states)
        key = tuple(map(id, states))
        found = self._texts.get(key)
        if found is None:
            found = self._texts[key] = states, json.dumps(plain_values(pose.values), separators=(",", ":"))
            if len(self._texts) > _CAPACITY:
                del self._texts[next(iter(self._texts))]
        return found[1]


def dump_event(value: Any, **options: Any) -> str:
    """Write JSON as ``json.dumps`` does; an event whose content is written already takes it as it is."""
    match value:
        case [str(event), EventText() as written]:
            return f"[{json.dumps(event)},{written.text}]"
    return json.dumps(value, **options)
