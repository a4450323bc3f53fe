"""One measurement for ``posewire bench client``: what sending or echoing messages costs a WebSocket client.

micropython websocket_speed.py CLIENT MODE URL SIZE COUNT; prints CPU microseconds, seconds, and heap bytes a message.
"""

import asyncio
import gc
import json
import sys
import time

# Before the measurement, so that buffers have their size and code its shape.
WARM_UP = 50

CLIENT, MODE, URL, SIZE, COUNT = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
PAYLOAD = bytes([n & 255 for n in range(SIZE)])
_buffer = bytearray(SIZE)


class Meter:
    def start(self):
        gc.collect()
        gc.disable()
        self.heap = gc.mem_alloc()
        self.cpu = time.clock()
        self.wall = time.ticks_us()

    def stop(self, count):
        cpu = time.clock() - self.cpu
        wall = time.ticks_diff(time.ticks_us(), self.wall)
        heap = gc.mem_alloc() - self.heap
        gc.enable()
        print(json.dumps({"cpu_us": cpu * 1e6 / count, "wall_us": wall / count, "heap": heap / count}))


class Board:
    """posewire_fw.link as the firmware uses it: it asks for the next frame when the network takes one."""

    def __init__(self):
        from posewire_fw.link import Link
        from posewire_fw.memcopy import memcopy

        self._copy = memcopy
        self.left = 0
        self.came = 0
        self.link = Link(self, frame_max=max(4096, SIZE), message_max=max(4096, SIZE))

    async def open(self):
        await self.link.connect(URL, [], None, lambda: None)

    def fill(self, buf, at):
        if not self.left:
            return 0
        self.left -= 1
        self._copy(buf, at, PAYLOAD, 0, SIZE)
        return SIZE

    def on_binary(self, message, count):
        self.came += 1

    def on_text(self, message, count):
        pass

    async def send(self, count):
        self.left = count
        link = self.link
        while self.left or link.sending():
            link.turn(self)
            await asyncio.sleep_ms(0 if self.left else 1)

    async def echo(self, count):
        link = self.link
        for _ in range(count):
            self.left = 1
            self.came = 0
            while not self.came:
                link.turn(self)
                await asyncio.sleep_ms(0)


class Stranger:
    """posewire_fw.websocket_client: await ws.send(), await ws.recv_into()."""

    async def open(self):
        from posewire_fw.websocket_client import connect

        self.ws = await connect(URL)

    async def send(self, count):
        for _ in range(count):
            await self.ws.send(PAYLOAD)

    async def echo(self, count):
        for _ in range(count):
            await self.ws.send(PAYLOAD)
            await self.ws.recv_into(_buffer)


class Aiohttp:
    """micropython-lib's aiohttp."""

    async def open(self):
        import aiohttp

        self.session = aiohttp.ClientSession()
        self.ws = await self.session.ws_connect(URL).__aenter__()

    async def send(self, count):
        for _ in range(count):
            await self.ws.send_bytes(PAYLOAD)

    async def echo(self, count):
        for _ in range(count):
            await self.ws.send_bytes(PAYLOAD)
            await self.ws.receive_bytes()


async def main():
    client = {"link": Board, "client": Stranger, "aiohttp": Aiohttp}[CLIENT]()
    meter = Meter()
    await client.open()
    act = getattr(client, MODE)
    await act(WARM_UP)
    meter.start()
    await act(COUNT)
    meter.stop(COUNT)


asyncio.run(main())
