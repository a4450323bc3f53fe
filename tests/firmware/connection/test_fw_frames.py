"""Binary frames: the shared vectors, read and written."""

import binascii

from fw_support import vectors
from posewire_fw import frames
from posewire_fw.frames import FrameReader, FrameWriter


class FixedClock:
    def __init__(self, milliseconds):
        self._bytes = milliseconds.to_bytes(4, "big")

    def write_be(self, buf, at):
        buf[at : at + 4] = self._bytes


def test_good_frames_are_read():
    reader = FrameReader()
    for case in vectors("frames.json")["good"]:
        message = binascii.unhexlify(case["message"])
        assert reader.read(message, len(message), case["protocol"])
        assert reader.kind == case["type"]
        assert reader.member_id == case["member_id"]
        assert binascii.hexlify(message[reader.start : reader.start + reader.length]).decode() == case["payload"]


def test_bad_frames_are_refused():
    reader = FrameReader()
    for case in vectors("frames.json")["bad"]:
        message = binascii.unhexlify(case["message"])
        assert not reader.read(message, len(message), case["protocol"]), case["why"]


def test_headers_are_written():
    for case in vectors("frames.json")["good"]:
        if case["member_id"]:
            continue  # a device's frames always say 0
        payload = binascii.unhexlify(case["payload"])
        start = 8 + frames.HEADER[case["protocol"]]
        buf = bytearray(b"\xaa" * 8 + b"\xff" * (start - 8)) + payload
        writer = FrameWriter(FixedClock(case["timestamp_ms"]))
        writer.set_protocol(case["protocol"])
        assert writer.size == start - 8
        writer.write(buf, 8, case["type"], len(payload))
        assert binascii.hexlify(buf[8:]).decode() == case["message"]
        assert buf[:8] == b"\xaa" * 8
