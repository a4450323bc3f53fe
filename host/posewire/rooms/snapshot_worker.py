"""The process that decodes chains of pose packets: ``python -m posewire.rooms.snapshot_worker``.

On standard input come chains, each as its size and the packets with theirs; on standard output goes a snapshot for
each, in the same order, empty where there can be none. Sizes are 32 bits, little-endian. The process ends with its
input, so that it never outlives the host. With the extra ``fast`` it compiles the codec while it works.
"""

import os
import signal
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import BinaryIO

from posewire.termination import discard_output
from posewire.wire.pose import PoseRelay

SIZE = struct.Struct("<I")


def pack_chain(packets: Sequence[bytes]) -> bytes:
    """Serialise a chain for the process."""
    body = b"".join(SIZE.pack(len(packet)) + packet for packet in packets)
    return SIZE.pack(len(body)) + body


def snapshot_of(packets: Sequence[bytes], compiled: bool) -> bytes | None:
    """Return one packet in place of a chain that begins with a key or snapshot; None where it does not decode."""
    relay = PoseRelay(compiled=compiled)
    return relay.snapshot() if all(relay.feed(packet) for packet in packets) else None


def _chains(source: BinaryIO) -> Iterator[list[bytes]]:
    while len(head := source.read(SIZE.size)) == SIZE.size:
        body = source.read(SIZE.unpack(head)[0])
        packets, at = [], 0
        while at < len(body):
            start = at + SIZE.size
            at = start + SIZE.unpack_from(body, at)[0]
            packets.append(body[start:at])
        yield packets


def main() -> None:
    """Serve standard input until it ends."""
    # A Ctrl-C at the terminal is the host's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(10)  # relaying goes first
    sink = sys.stdout.buffer
    compiled = threading.Event()

    def compile_codec() -> None:
        from posewire.wire.pose.warm import warm

        warm()
        compiled.set()

    if find_spec("numba") is not None:
        threading.Thread(target=compile_codec, daemon=True).start()
    try:
        for packets in _chains(sys.stdin.buffer):
            snapshot = snapshot_of(packets, compiled.is_set()) or b""
            sink.write(SIZE.pack(len(snapshot)) + snapshot)
            sink.flush()
    except BrokenPipeError:
        discard_output(sink)  # the host is gone


if __name__ == "__main__":
    main()
