"""The opening of a WebSocket (RFC 6455 section 4), without I/O. Loaded to open one, and forgotten after."""

import binascii
import hashlib

from micropython import const

from posewire_fw.websocket import HandshakeError

# The longest head of an answer.
HANDSHAKE_MAX = const(2048)

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def handshake_request(host, path, key, headers):
    """The opening request. key is 16 random bytes in base64; headers is a list of (name, value)."""
    lines = [
        "GET %s HTTP/1.1" % path,
        "Host: %s" % host,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: %s" % key,
    ]
    for name, value in headers:
        lines.append("%s: %s" % (name, value))
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def accept_for(key):
    """The Sec-WebSocket-Accept that answers a key (RFC 6455 section 4.2.2)."""
    digest = hashlib.sha1(key.encode() + _GUID).digest()
    return binascii.b2a_base64(digest).decode().strip()


def check_handshake(head, key):
    """Check the server's answer (up to its empty line); raise HandshakeError unless it opens a WebSocket."""
    try:
        lines = head.decode().split("\r\n")
    except UnicodeError:
        raise HandshakeError(0, "the answer is not HTTP") from None
    parts = lines[0].split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
        raise HandshakeError(0, "the answer is not HTTP")
    status = int(parts[1])
    if status != 101:
        raise HandshakeError(status, "the server answered %s" % " ".join(parts[1:]))
    if parts[0] == "HTTP/1.0":
        raise HandshakeError(status, "the server speaks HTTP/1.0, which has no upgrade")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    if headers.get("upgrade", "").lower() != "websocket":
        raise HandshakeError(status, "the answer has no Upgrade: websocket")
    if "upgrade" not in [token.strip() for token in headers.get("connection", "").lower().split(",")]:
        raise HandshakeError(status, "the answer has no Connection: Upgrade")
    if headers.get("sec-websocket-accept", "") != accept_for(key):
        raise HandshakeError(status, "Sec-WebSocket-Accept does not answer our key")
    if "sec-websocket-extensions" in headers or "sec-websocket-protocol" in headers:
        raise HandshakeError(status, "the server chose an extension or a subprotocol that was not offered")
