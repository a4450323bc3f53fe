"""IMA-ADPCM, 4 bits a sample, each frame decodable alone (``docs/wire.md`` section 4).

The algorithm is the IMA Digital Audio Focus and Technical Working Group's reference (1992). ``audioop`` (in the
standard library up to Python 3.12, then the package ``audioop-lts``) has it in C, many times faster than the plain code
here, which runs where it is missing; the tests hold both equal. It has the first sample of a pair in the high nibble.
"""

import struct
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.errors import FrameError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        import audioop
    except ImportError:
        audioop: Any = None  # type: ignore[no-redef]

HEADER = struct.Struct("<hBB")
_SWAPPED = bytes(byte >> 4 | (byte & 15) << 4 for byte in range(256))


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
        header = HEADER.pack(self.predictor, self.index, 0)
        if audioop is None or len(pcm) & 1:
            nibbles, self.predictor, self.index = encode_plain(pcm, self.predictor, self.index)
            return header + nibbles
        pairs, state = audioop.lin2adpcm(pcm.tobytes(), 2, (self.predictor, self.index))
        self.predictor, self.index = state
        return header + bytes(pairs).translate(_SWAPPED)


def adpcm_decode(frame: bytes) -> NDArray[np.int16]:
    """Decode one frame: int16, two samples a byte after the header.

    Raises:
        FrameError: shorter than its 4-byte header, or a step index above 88.
    """
    if len(frame) < HEADER.size:
        raise FrameError(f"an ima-adpcm frame must have a 4-byte header; got {len(frame)} bytes")
    predictor, index, _ = HEADER.unpack_from(frame)
    if index > _LAST:
        raise FrameError(f"the step index of an ima-adpcm frame must be at most {_LAST}; got {index}")
    nibbles = frame[HEADER.size :]
    if audioop is None:
        return decode_plain(nibbles, predictor, index)
    samples, _ = audioop.adpcm2lin(nibbles.translate(_SWAPPED), 2, (predictor, index))
    return np.frombuffer(samples, np.int16)


def encode_plain(pcm: NDArray[np.int16], predictor: int, index: int) -> tuple[bytes, int, int]:
    """Encode samples; returns the nibbles, and predictor and step index after them."""
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
    if len(nibbles) & 1:
        nibbles.append(0)
    pairs = np.array(nibbles, np.uint8)
    return (pairs[0::2] | pairs[1::2] << 4).tobytes(), predictor, index


def decode_plain(nibbles: bytes, predictor: int, index: int) -> NDArray[np.int16]:
    """Decode nibbles from a predictor and a step index on."""
    samples: list[int] = []
    append = samples.append
    for byte in nibbles:
        for nibble in (byte & 15, byte >> 4):
            entry = index << 4 | nibble
            predictor = min(32767, max(-32768, predictor + _DIFFERENCE[entry]))
            index = _FOLLOWING[entry]
            append(predictor)
    return np.array(samples, np.int16)
