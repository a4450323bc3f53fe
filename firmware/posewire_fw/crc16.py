"""The checksum of keypoint frames on a UART (docs/keypoint-uart.md)."""

import micropython


@micropython.viper
def crc16(data, start: int, end: int, crc: int) -> int:
    """CRC-16/CCITT-FALSE of data[start:end], going on from crc (0xFFFF to begin)."""
    d = ptr8(data)
    while start < end:
        x = ((crc >> 8) ^ int(d[start])) & 255
        x ^= x >> 4
        crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xFFFF
        start += 1
    return crc
