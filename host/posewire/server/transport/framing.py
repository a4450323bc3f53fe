"""Binary messages of a server as WebSocket frames, made once for many receivers."""

FINAL_BINARY = 0x82
"""First byte of the frame that nearly all traffic consists of: binary, final, no extension."""


def binary_frame(payload: bytes, header: bytes = b"") -> bytes:
    """Serialise a binary message of a server for ``send_framed`` (RFC 6455 section 5.2), once for many receivers.

    The message is ``header`` and ``payload``, one after the other.
    """
    size = len(header) + len(payload)
    if size < 126:
        return bytes((FINAL_BINARY, size)) + header + payload
    if size < 1 << 16:
        return bytes((FINAL_BINARY, 126, size >> 8, size & 0xFF)) + header + payload
    return bytes((FINAL_BINARY, 127)) + size.to_bytes(8, "big") + header + payload
