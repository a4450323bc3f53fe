"""Poses as the values that pages have, and as the packets of rooms."""

import math
from collections.abc import Mapping
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.client.sending.pose_input import Sets, read_pose
from posewire.errors import PoseError
from posewire.wire.pose import PoseEncoder, landmark_set

_DIGITS = 5
_STREAMS = 16
_ANEW = 512
"""How far the sequence jumps when a stream gets other sets (docs/pose-packet.md section 8)."""


def plain_values(values: Mapping[str, Any]) -> dict[str, list[list[float | None]]]:
    """Return landmark sets as lists for JSON: a row for each landmark, null for what is missing."""
    return {name: _plain(np.asarray(array)) for name, array in values.items()}


def _plain(array: NDArray[np.float32]) -> list[list[float | None]]:
    rows = np.round(array.astype(np.float64), _DIGITS).tolist()
    return [[None if math.isnan(value) else value for value in row] for row in rows]


class PoseEncoders:
    """Encodes what one client publishes: an encoder for each of its streams."""

    def __init__(self) -> None:
        self._encoders: dict[int, PoseEncoder] = {}

    def encode(self, parts: Mapping[str, Any], stream: int, time_ms: float | None) -> bytes:
        """Return the packet of a pose.

        Raises:
            PoseError: it is no pose; the message says why.
        """
        sets = read_pose(parts)
        return self._encoder(sets, stream).encode(sets, round(1000 * monotonic() if time_ms is None else time_ms))

    def control(self, packet: bytes, stream: int) -> None:
        """Obey a subscriber's control packet."""
        encoder = self._encoders.get(stream)
        if encoder is not None:
            encoder.control(packet)

    def _encoder(self, sets: Sets, stream: int) -> PoseEncoder:
        encoder = self._encoders.get(stream)
        if encoder is None and (not 0 <= stream <= 255 or len(self._encoders) >= _STREAMS):
            raise PoseError(f"a stream must be a number from 0 to 255; a member may have at most {_STREAMS}")
        known = [spec.name for spec in encoder.sets] if encoder is not None else []
        new = [name for name in sets if name not in known]
        if encoder is None or new:
            specs = [landmark_set(name) for name in known + new]
            sequence = encoder.sequence + _ANEW if encoder is not None else 0
            encoder = self._encoders[stream] = PoseEncoder(specs, stream=stream, sequence=sequence)
        return encoder
