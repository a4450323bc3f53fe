"""Answers in HTTP to connections that get no further than the door."""

import asyncio
import http
import json


def send_and_close(transport: asyncio.Transport, status: http.HTTPStatus, code: str, message: str) -> None:
    """Answer with a refusal in the shape of all others, and close; what the peer does not read is lost."""
    body = json.dumps({"type": "error", "code": code, "message": message}) + "\n"
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    transport.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    transport.close()
    asyncio.get_running_loop().call_later(_UNREAD, transport.abort)


_UNREAD = 2.0
"""Seconds in which the peer may still read the answer."""
