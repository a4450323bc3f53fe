"""A SlimeVR server's side of the tracker protocol, written from the published layout of its packets."""

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Address = tuple[str, int]


class Reader:
    """Reads a packet's fields in their order; big-endian."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[float, ...]:
        values = struct.unpack_from(">" + layout, self.data, self.at)
        self.at += struct.calcsize(">" + layout)
        return values

    def one(self, layout: str) -> int:
        return int(self.take(layout)[0])

    def bytes(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        assert len(piece) == count, "the packet is too short"
        self.at += count
        return piece

    def text(self) -> str:
        return self.bytes(self.one("B")).decode()


@dataclass
class Sensor:
    status: int
    rotation: tuple[float, ...] = ()
    acceleration: tuple[float, ...] = ()
    rotations: int = 0


@dataclass
class Tracker:
    """A tracker as the server knows it."""

    address: Address
    mac: str
    firmware: str
    protocol: int
    board: int
    mcu: int
    last_number: int = 0
    sensors: dict[int, Sensor] = field(default_factory=dict)
    battery: tuple[float, ...] = ()
    signal: int | None = None
    ping: int = 0
    pongs: int = 0
    heartbeats: int = 0
    confirmed: list[tuple[int, int]] = field(default_factory=list)
    out_of_order: int = 0


class SlimeServer(asyncio.DatagramProtocol):
    """Takes trackers. ``by_mac``: each, by its address in capitals with colons; ``deaf``: it answers nothing."""

    def __init__(self) -> None:
        self.by_mac: dict[str, Tracker] = {}
        self.handshakes = 0
        self.deaf = False
        self.faults: list[str] = []
        self._by_address: dict[Address, Tracker] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.address: Address = transport.get_extra_info("sockname")

    def forget(self) -> None:
        """Be as after a restart."""
        self.by_mac.clear()
        self._by_address.clear()

    def keep_up(self) -> None:
        """Send a heartbeat and a ping, as the server does twice a second."""
        for tracker in self._by_address.values():
            tracker.ping = random.getrandbits(31)
            self._send(struct.pack(">IQ", 1, 0), tracker.address)
            self._send(struct.pack(">IQI", 10, 0, tracker.ping), tracker.address)

    def set_flag(self, tracker: Tracker, sensor: int, flag: int, state: bool) -> None:
        self._send(struct.pack(">IQBH?", 25, 0, sensor, flag, state), tracker.address)

    def datagram_received(self, data: bytes, address: Address) -> None:
        if self.deaf:
            return
        try:
            self._take(Reader(data), address)
        except (struct.error, AssertionError, UnicodeDecodeError) as error:
            self.faults.append(f"{error}: {data.hex()}")

    def _send(self, data: bytes, address: Address) -> None:
        self.transport.sendto(data, address)

    def _take(self, reader: Reader, address: Address) -> None:
        kind, number = reader.one("I"), reader.one("Q")
        tracker = self._by_address.get(address)
        if tracker is not None and kind != 3:
            if number and number <= tracker.last_number:
                tracker.out_of_order += 1
                return
            tracker.last_number = number
        if kind == 3:
            self._handshake(reader, address)
        elif tracker is None:
            return
        elif kind == 0:
            tracker.heartbeats += 1
        elif kind == 4:
            vector = reader.take("fff")
            if (sensor := tracker.sensors.get(reader.one("B"))) is not None:
                sensor.acceleration = vector
        elif kind == 10:
            tracker.pongs += reader.one("I") == tracker.ping
        elif kind == 12:
            tracker.battery = reader.take("ff")
        elif kind == 15:
            sensor_id, status, _imu, _config, _rested, position, data_type = reader.take("BBBHBBB")
            assert (position, data_type) == (0, 0)
            tracker.sensors.setdefault(int(sensor_id), Sensor(int(status)))
            self._send(struct.pack(">IBB", 15, int(sensor_id), int(status)), address)
        elif kind == 17:
            sensor_id, data_type = reader.take("BB")
            x, y, z, w = reader.take("ffff")
            reader.one("B")
            assert data_type == 1
            if (sensor := tracker.sensors.get(int(sensor_id))) is not None:
                sensor.rotation, sensor.rotations = (w, x, y, z), sensor.rotations + 1
        elif kind == 19:
            assert reader.one("B") == 255
            tracker.signal = reader.one("b")
        elif kind == 24:
            tracker.confirmed.append((reader.one("B"), reader.one("H")))
        else:
            self.faults.append(f"type {kind}")
        assert reader.at == len(reader.data) or kind == 15, "more than the layout says"

    def _handshake(self, reader: Reader, address: Address) -> None:
        self.handshakes += 1
        board, _imu, mcu, *_, protocol = reader.take("IIIIIII")
        firmware, mac = reader.text(), reader.bytes(6)
        reader.one("B")
        for _ in range(5):
            reader.text()
        name = ":".join(f"{byte:02X}" for byte in mac)
        tracker = self.by_mac.get(name)
        if tracker is None:
            tracker = self.by_mac[name] = Tracker(address, name, firmware, int(protocol), int(board), int(mcu))
        self._by_address.pop(tracker.address, None)
        tracker.address, tracker.last_number = address, 0
        self._by_address[address] = tracker
        self._send((b"\x03Hey OVR =D 5").ljust(64, b"\0"), address)


@asynccontextmanager
async def slimevr_server() -> AsyncIterator[SlimeServer]:
    """Run a server while the block runs; it keeps up by itself."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        SlimeServer, local_addr=("127.0.0.1", 0)
    )

    async def keep_up() -> None:
        while True:
            await asyncio.sleep(0.2)
            if not server.deaf:
                server.keep_up()

    keeping = asyncio.create_task(keep_up())
    try:
        yield server
    finally:
        keeping.cancel()
        transport.close()
