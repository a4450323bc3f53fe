"""Encodes what it is sent, with the board's own encoder.

Each line of standard input: bit/s, ms a packet, quiet, samples in base64. The answer is a line: packets, in base64,
each behind its length in two bytes.
"""

import binascii
import sys

from posewire_fw.opus_encoder import OpusEncoder

# Packets begin at an odd place: nothing may rely on words.
_AT = 3


def encode(encoder, pcm):
    out = bytearray(_AT + encoder.packet_bytes)
    data = bytearray()
    for start in range(0, len(pcm) // 2 - 319, 320):
        count = encoder.feed(pcm, start, out, _AT)
        if count:
            data += count.to_bytes(2, "little") + out[_AT : _AT + count]
    return data


def main():
    while line := sys.stdin.readline():
        bitrate, frame_ms, quiet, pcm = line.split()
        encoder = OpusEncoder(int(bitrate), int(frame_ms), int(quiet))
        data = encode(encoder, bytearray(binascii.a2b_base64(pcm)))
        print(binascii.b2a_base64(data).decode().strip())


main()
