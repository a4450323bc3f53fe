"""The Opus encoder gives the bytes of its plain twin, on every interpreter, and takes no memory while it runs."""

import gc
from binascii import crc32

from fw_support import raises, vectors
from opus_signals import signal
from posewire_fw.opus_encoder import OpusEncoder

# What is before and after a packet in its buffer stays as it is.
_AT = 3
_AFTER = 2


def _encoded(encoder, pcm):
    """(how many packets, the CRC-32 of all their bytes)."""
    out = bytearray(b"\x55" * (_AT + encoder.packet_bytes + _AFTER))
    count = 0
    crc = 0
    for start in range(0, len(pcm) - 319, 320):
        length = encoder.feed(pcm, start, out, _AT)
        if length:
            count += 1
            crc = crc32(out[_AT : _AT + length], crc)
    assert out[:_AT] == b"\x55" * _AT
    assert out[-_AFTER:] == b"\x55" * _AFTER
    return count, crc


def test_packets_are_those_of_the_plain_twin():
    for entry in vectors("opus.json"):
        encoder = OpusEncoder(entry["bitrate"], entry["frame_ms"], entry["quiet"])
        pcm = signal(entry["kind"], entry["seed"], entry["samples"])
        assert _encoded(encoder, pcm) == (entry["packets"], entry["crc"]), entry


def test_a_stream_that_begins_anew_remembers_nothing():
    encoder = OpusEncoder(24000, 60)
    pcm = signal("noise", 3, 320 * 6)
    first = _encoded(encoder, pcm)
    assert _encoded(encoder, pcm) != first
    encoder.feed(pcm, 0, bytearray(encoder.packet_bytes), 0)
    encoder.reset()
    assert _encoded(encoder, pcm) == first


def test_settings_that_make_no_sense():
    for bitrate, frame_ms in ((5999, 60), (64001, 60), (24000, 10), (24000, 80), (24000, 0)):
        assert "bit/s" in str(raises(ValueError, OpusEncoder, bitrate, frame_ms))


def test_the_size_of_packets():
    # bytes a second, less what does not divide into frames
    for bitrate, frame_ms, size in ((24000, 60, 179), (24000, 20, 60), (12000, 40, 60), (32000, 60, 239)):
        assert OpusEncoder(bitrate, frame_ms).packet_bytes == size


def test_it_is_made_without_a_peak():
    if not hasattr(gc, "mem_alloc"):
        return
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    encoder = OpusEncoder(24000, 60)
    taken = gc.mem_alloc() - before
    gc.enable()
    # its array is 3.9 KB, of which there is one
    assert encoder.packet_bytes and taken < 6000, taken


def test_nothing_is_allocated_per_packet():
    if not hasattr(gc, "mem_alloc"):
        return
    encoder = OpusEncoder(32000, 60)
    out = bytearray(encoder.packet_bytes)
    pcm = signal("bursts", 1, 320 * 6)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for i in range(12):
        encoder.feed(pcm, i % 6 * 320, out, 0)
    taken = gc.mem_alloc() - before
    gc.enable()
    assert taken == 0, taken
