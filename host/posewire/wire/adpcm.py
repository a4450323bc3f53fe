"""IMA-ADPCM, 4 bits a sample, each frame decodable alone (``docs/wire.md`` section 4).

The algorithm is the IMA Digital Audio Focus and Technical Working Group's reference (1992). Plain Python: the host
decodes one frame in a fraction of a millisecond, and bytes stay equal to the firmware's.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from posewire.errors import FrameError

HEADER = struct.Struct("<hBB")


def _step_table() -> tuple[int, ...]:
    # fmt: off
    return (
        7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97,
        107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796,
        876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428,
        4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350,
        22385, 24623, 27086, 29794, 32767,
    )
    # fmt: on


_STEPS = _step_table()
_LAST = len(_STEPS) - 1


def _tables() -> tuple[list[int], list[int]]:
    """Difference and next step index for every (index, nibble): 89 x 16 each."""
    differences, following = [], []
    for index, step in enumerate(_STEPS):
        for nibble in range(16):
            size = step >> 3
            size += step if nibble & 4 else 0
            size += step >> 1 if nibble & 2 else 0
            size += step >> 2 if nibble & 1 else 0
            differences.append(-size if nibble & 8 else size)
            move = -1 if nibble & 7 < 4 else 2 * (nibble & 7) - 6
            following.append(min(_LAST, max(0, index + move)))
    return differences, following


_DIFFERENCE, _FOLLOWING = _tables()


class AdpcmEncoder:
    """Encodes frames of one stream; the predictor runs on from frame to frame."""

    def __init__(self) -> None:
        self.predictor = 0
        self.index = 0

    def encode(self, pcm: NDArray[np.int16]) -> bytes:
        """Encode one frame of int16 samples (an odd last sample is padded with a zero difference)."""
        out = bytearray(HEADER.pack(self.predictor, self.index, 0))
        predictor, index = self.predictor, self.index
        nibbles = []
        for sample in pcm.tolist():
            step = _STEPS[index]
            difference = sample - predictor
            nibble = 0
            if difference < 0:
                nibble = 8
                difference = -difference
            if difference >= step:
                nibble |= 4
                difference -= step
            step >>= 1
            if difference >= step:
                nibble |= 2
                difference -= step
            if difference >= step >> 1:
                nibble |= 1
            entry = index << 4 | nibble
            predictor = min(32767, max(-32768, predictor + _DIFFERENCE[entry]))
            index = _FOLLOWING[entry]
            nibbles.append(nibble)
        self.predictor, self.index = predictor, index
        if len(nibbles) & 1:
            nibbles.append(0)
        pairs = np.array(nibbles, np.uint8)
        out += (pairs[0::2] | pairs[1::2] << 4).tobytes()
        return bytes(out)


def adpcm_decode(frame: bytes) -> NDArray[np.int16]:
    """Decode one frame: int16, two samples a byte after the header.

    Raises:
        FrameError: shorter than its 4-byte header, or a step index above 88.
    """
    if len(frame) < HEADER.size:
        raise FrameError(f"an ima-adpcm frame has a 4-byte header; got {len(frame)} bytes")
    predictor, index, _ = HEADER.unpack_from(frame)
    if index > _LAST:
        raise FrameError(f"the step index of an ima-adpcm frame is at most {_LAST}; got {index}")
    samples: list[int] = []
    append = samples.append
    for byte in frame[HEADER.size :]:
        entry = index << 4 | byte & 15
        predictor += _DIFFERENCE[entry]
        if predictor > 32767:
            predictor = 32767
        elif predictor < -32768:
            predictor = -32768
        append(predictor)
        entry = _FOLLOWING[entry] << 4 | byte >> 4
        predictor += _DIFFERENCE[entry]
        if predictor > 32767:
            predictor = 32767
        elif predictor < -32768:
            predictor = -32768
        append(predictor)
        index = _FOLLOWING[entry]
    return np.array(samples, np.int16)
