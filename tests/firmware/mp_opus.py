"""Encodes what it is sent: for tests, and for `posewire bench opus`.

Each line of standard input: bit/s, ms a packet, quiet, samples in base64. The answer is a line: packets, in base64, each
behind its length in two bytes.
"""

import binascii
import sys

sys.path.insert(0, sys.argv[1])

from posewire_fw.opus_encoder import OpusEncoder


def encode(encoder, pcm):
    out = bytearray(encoder.packet_bytes + 5)
    data = bytearray()
    for start in range(0, len(pcm) // 2 - 319, 320):
        count = encoder.feed(pcm, start, out, 3)
        if count:
            data += count.to_bytes(2, "little") + out[3 : 3 + count]
    return data


def main():
    while line := sys.stdin.readline():
        bitrate, frame_ms, quiet, pcm = line.split()
        encoder = OpusEncoder(int(bitrate), int(frame_ms), int(quiet))
        print(binascii.b2a_base64(encode(encoder, binascii.a2b_base64(pcm))).decode().strip())


main()
