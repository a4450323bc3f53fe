"""Sends keypoints over a UART to a board with Posewire (docs/keypoint-uart.md). Copy it to the camera, alone.

from posewire_sender import COCO17, frame
uart.write(frame(COCO17, 17, 3, time_ms, values))     # values: x, y, score of each, 0 … 1; nan where one is missing
"""

import struct

CUSTOM = 0
BODY33 = 1  # x, y, z, visibility
COCO17 = 6  # x, y, score
HAND21 = 10  # x, y, z

MISSING = float("nan")


def crc16(data, crc=0xFFFF):
    """CRC-16/CCITT-FALSE."""
    for byte in data:
        x = (crc >> 8 ^ byte) & 255
        x ^= x >> 4
        crc = (crc << 8 ^ x << 12 ^ x << 5 ^ x) & 0xFFFF
    return crc


def frame(landmark_set, landmarks, channels, time_ms, values):
    """The bytes of one frame. values: landmark by landmark, channel by channel."""
    if len(values) != landmarks * channels:
        raise ValueError("%d landmarks of %d are not %d values" % (landmarks, channels, len(values)))
    body = struct.pack("<BBHI", landmark_set, channels, landmarks, time_ms & 0xFFFFFFFF)
    body += struct.pack("<%df" % len(values), *values)
    return b"\xa5\x5a" + body + struct.pack("<H", crc16(body))
