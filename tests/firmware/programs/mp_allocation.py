"""Steady streaming allocates nothing: audio up and down, keypoints and IMU up, with the heap locked.

Runs on MicroPython only; test_fw_on_micropython.py is the host.
"""

import asyncio
import gc
import os
import struct
import time

import micropython

import twins
from posewire_fw import config, log
from posewire_fw.button import Button
from posewire_fw.clock import Clock
from posewire_fw.connection import Connection
from posewire_fw.events import Events
from posewire_fw.imu import Imu
from posewire_fw.keypoints import KeypointReader
from posewire_fw.led import Led
from posewire_fw.link import Link
from posewire_fw.mic import Microphone, frame_bytes
from posewire_fw.pose_rate import PoseRate
from posewire_fw.ring import Ring
from posewire_fw.speaker import Speaker
from posewire_fw.supervisor import Poller, Supervisor
from posewire_fw.tools import Tools
from posewire_fw.uplink import Uplink
from posewire_fw.voice_session import VoiceSession

URL = os.getenv("POSEWIRE_TEST_STREAM")
LOCKED_MS = 3000


class Port:
    """An I2S port that takes 20 ms for each buffer; allocates nothing itself."""

    def __init__(self):
        self.callback = None
        self.pending = None

    def irq(self, callback):
        self.callback = callback

    def readinto(self, buf):
        self.pending = buf
        return 0

    write = readinto

    def deinit(self):
        self.callback = None

    def poll(self):
        if self.pending is not None and self.callback is not None:
            self.pending = None
            self.callback(self)


class Camera:
    """A UART with a frame in it every so often."""

    def __init__(self):
        body = struct.pack("<BBHI", 1, 4, 33, 5) + struct.pack("<132f", *[n / 200 for n in range(132)])
        self.frame = b"\xa5\x5a" + body + struct.pack("<H", twins.crc16(body))
        self.at = 0
        self.polls = 0

    def any(self):
        self.polls += 1
        if self.at == len(self.frame) and self.polls % 10 == 0:
            self.at = 0
        return len(self.frame) - self.at

    def readinto(self, buf):
        count = min(len(buf), len(self.frame) - self.at)
        copy_bytes(buf, self.frame, self.at, count)
        self.at += count
        return count


def copy_bytes(target, source, start, count):
    for i in range(count):
        target[i] = source[start + i]


class Sensor:
    def readfrom_mem(self, address, register, count):
        return b"\x68"

    def writeto_mem(self, address, register, data):
        pass

    def readfrom_mem_into(self, address, register, buf):
        buf[1] = (buf[1] + 7) & 127


class Level:
    def value(self):
        return 1


class Hardware:
    name = "bench"
    half_duplex = False


class Air:
    def connected(self):
        return True

    def known(self):
        return True

    def offered(self):
        return False


def test_steady_streaming_allocates_nothing():
    log.set_level(log.WARNING)
    settings = config.defaults()
    settings["host"]["url"] = URL
    settings["pose"]["room"] = "studio"
    settings["errors"] = []
    size = frame_bytes("ima-adpcm", 60)
    ring = Ring(16 * size, size)
    mic_port = Port()
    speaker_port = Port()
    mic = Microphone(lambda rate: mic_port, ring, "ima-adpcm", 60, 4)
    speaker = Speaker(lambda rate: speaker_port, Ring(11616, size), 70)
    clock = Clock()
    uplink = Uplink(clock)
    uplink.ring = ring
    uplink.rate = PoseRate(100000)
    imu = Imu(Sensor(), 50, clock)
    uplink.add_source(imu.stream)
    events = Events()
    link = Link(uplink)
    keypoints = KeypointReader(Camera(), uplink.add_source, link.reserve)
    tools = Tools("bench", None)
    session = VoiceSession(settings, Hardware(), "0", link, uplink, tools, events, None, mic, ring, speaker)
    connection = Connection(settings, Air(), link, session, list, lambda phase: None, None, None, None)
    led = Led(None)
    button = Button(Level())

    def frames():
        return uplink.sent_audio + uplink.sent_pose

    def texts():
        return session.sent_text + session.received_text

    supervisor = Supervisor(None, frames, texts)

    def front():
        button.poll()
        session.tick()
        uplink.rate.poll()
        led.tick()

    supervisor.add("mic", Poller(mic.poll, 5))
    supervisor.add("speaker", Poller(speaker.poll, 5))
    supervisor.add("keypoints", Poller(keypoints.poll, 5))
    supervisor.add("imu", Poller(imu.poll, 2))
    supervisor.add("front", Poller(front, 10))
    supervisor.add("mic port", Poller(mic_port.poll, 20))
    supervisor.add("speaker port", Poller(speaker_port.poll, 20))
    supervisor.add("connection", connection)
    result = []

    async def watch():
        asyncio.create_task(supervisor.run())
        while not uplink.pose_open:
            await asyncio.sleep_ms(10)
        # The microphone stays open while the host speaks: everything moves at once.
        session._config["listen"]["mode"] = "realtime"
        session.press()
        session.release()
        while not (session.state == "open_speaking" and speaker.frames > 8 and uplink.sent_audio > 3):
            await asyncio.sleep_ms(10)
        gc.collect()
        before = (uplink.sent_audio, uplink.sent_pose, speaker.frames, keypoints.frames, imu.samples)
        start = time.ticks_ms()
        micropython.heap_lock()
        while time.ticks_diff(time.ticks_ms(), start) < LOCKED_MS:
            await asyncio.sleep_ms(5)
        micropython.heap_unlock()
        after = (uplink.sent_audio, uplink.sent_pose, speaker.frames, keypoints.frames, imu.samples)
        result.extend([b - a for a, b in zip(before, after)])

    asyncio.run(watch())
    audio, pose, played, seen, sampled = result
    print("with the heap locked: %d audio and %d pose frames up, %d audio frames down" % (audio, pose, played))
    # 60 ms frames; the numbers only have to show that all of it really moved
    assert audio > 20
    assert played > 20
    assert seen > 10
    assert sampled > 50
    assert pose > 60
    assert supervisor.restarts == 0
    assert session.state == "open_speaking"
    assert supervisor.alloc_per_frame() in (None, 0)
