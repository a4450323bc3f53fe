"""A stranger's program: installs the WebSocket client by mip and talks to an echo server, with nothing else of ours.

Runs on MicroPython only; test_fw_websocket_client.py serves the package and the echo.
"""

import asyncio
import os
import sys

import mip

PACKAGE = os.getenv("POSEWIRE_TEST_PACKAGE")
TARGET = os.getenv("POSEWIRE_TEST_TARGET")
URL = os.getenv("POSEWIRE_TEST_ECHO")

mip.install(PACKAGE, target=TARGET)
sys.path.insert(0, TARGET)

from posewire_fw.websocket_client import BINARY, Blocking, WebSocketError, connect

# without asyncio
with Blocking(URL, headers=[("X-Token", "secret")]) as ws:
    ws.send("Grüße")
    assert ws.recv() == "Grüße"
    ws.send(b"\x00\xff")
    assert ws.recv() == b"\x00\xff"
    assert ws.recv(timeout_ms=50) is None
    ws.send(bytes(20000))
    try:
        ws.recv()
    except WebSocketError as exc:
        assert exc.code == 1009, exc
    else:
        raise AssertionError("a message over the limit came through")
print("blocking ok")


async def main():
    async with await connect(URL, message_max=65535, silence_ms=5000) as ws:
        await ws.send(bytes(65535))
        assert len(await ws.recv()) == 65535
        try:
            await ws.send(bytes(65536))
        except ValueError:
            pass
        else:
            raise AssertionError("a message too long was sent")
        # several tasks may send
        await asyncio.gather(*[ws.send("%d" % n) for n in range(20)])
        got = []
        while len(got) < 20:
            got.append(await ws.recv())
        assert sorted(got) == sorted(["%d" % n for n in range(20)])
        buf = bytearray(16)
        await ws.send(b"into a buffer")
        assert await ws.recv_into(buf) == (BINARY, 13)
        assert buf[:13] == b"into a buffer"
        # the server hangs up when it is told to; that ends the loop
        await ws.send("bye")
        seen = []
        async for message in ws:
            seen.append(message)
        assert seen == []
        try:
            await ws.send("more")
        except WebSocketError:
            pass
        else:
            raise AssertionError("sent on a closed connection")
    await ws.close()


asyncio.run(main())
print("asyncio ok")
