"""Text messages that are compressed on their way: raw DEFLATE (RFC 1951), with a bound on what they unpack to."""

import zlib

from posewire.errors import WireError

WORTH_IT = 1024
"""Bytes above which a text message is compressed: what is shorter gains nothing."""

_RAW = -15


def deflate(text: str) -> bytes | None:
    """Return the text compressed; None where that is not worth it, or too long for a frame."""
    data = text.encode()
    if len(data) <= WORTH_IT:
        return None
    packer = zlib.compressobj(6, zlib.DEFLATED, _RAW)
    packed = packer.compress(data) + packer.flush()
    return packed if len(packed) < len(data) and len(packed) <= 0xFFFF else None


def inflate(packed: bytes, limit: int) -> bytes:
    """Return what a message unpacks to; nothing beyond the limit is unpacked.

    Raises:
        WireError: it is damaged, is cut short, or would be longer than ``limit`` bytes.
    """
    unpacker = zlib.decompressobj(_RAW)
    try:
        data = unpacker.decompress(packed, limit + 1)
    except zlib.error as error:
        raise WireError(f"a compressed message is damaged: {error}") from None
    if len(data) > limit:
        raise WireError(f"a compressed message has more than {limit} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise WireError("a compressed message is cut short, or something follows it")
    return data
