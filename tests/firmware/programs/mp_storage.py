"""Settings, secrets, crash reports and images where flash is full or missing. Runs on MicroPython only."""

import asyncio
import binascii
import hashlib
import os
import sys
import time

sys.path.insert(1, __file__.rsplit("/", 1)[0] + "/../../../host/posewire/sim/micropython")

import esp32
import machine
import micropython
import posewire_slots as slots
import simbus
import vfs
from mp_updater import Flash, fresh, mount

from posewire_fw import config, crash, credentials, image_update, log, ntp, update_control, updates
from posewire_fw.console import Console
from posewire_fw.telemetry import Telemetry
from posewire_fw.update_error import UpdateError

log.set_level(log.ERROR + 1)


def fill(name="filler"):
    """Take all that is left."""
    with open(name, "wb") as file:
        try:
            while True:
                file.write(b"#" * 4096)
                file.flush()
        except OSError as exc:
            assert exc.errno == 28
    with open(name, "ab") as file:
        try:
            while True:
                file.write(b"#" * 64)
                file.flush()
        except OSError:
            pass


def test_a_full_flash_keeps_the_old_settings():
    flash = fresh(40)
    assert config.save_value("host.url", "ws://old/")
    fill()
    assert not config.save_value("host.url", "ws://new/" + "x" * 5000)
    settings, errors = config.load()
    assert settings["host"]["url"] == "ws://old/" and errors == []
    assert "config.json.new" not in os.listdir(".")
    assert crash.note("x" * 5000) == (crash.read() != "")
    mount(flash)
    os.remove("filler")
    assert config.save_value("host.url", "ws://new/")
    assert config.load()[0]["host"]["url"] == "ws://new/"


def test_a_broken_file_is_set_aside_when_there_is_something_to_save():
    fresh()
    with open("config.json", "w") as file:
        file.write('{"wifi": [')
    assert not config.save_value("host.url", "ws://x/")
    assert config.save_value("host.url", "ws://x/", repair=True)
    assert config.load()[0]["host"]["url"] == "ws://x/"
    with open("config.json.bad") as file:
        assert file.read() == '{"wifi": ['


def test_secrets_outlast_the_power_and_only_what_changes_is_written():
    flash = fresh()
    assert credentials.get("token") == "" and credentials.networks() == []
    assert credentials.put("token", "abc\u00e9")
    for number in range(10):
        assert credentials.add_network("net %d" % number, "p" * 8)
    assert credentials.add_network("net 5", "changed")
    mount(flash)
    assert credentials.get("token") == "abc\u00e9"
    found = credentials.networks()
    assert [entry["ssid"] for entry in found] == ["net %d" % number for number in (5, 9, 8, 7, 6, 4, 3, 2)]
    assert found[0]["password"] == "changed"
    used = flash.used
    assert credentials.put("token", "abc\u00e9") and flash.used == used
    assert credentials.put("token", "") and credentials.get("token") == ""
    esp32.NVS("posewire").set_blob("wifi", b"nonsense")
    assert credentials.networks() == []


def test_a_crash_is_kept_with_its_traceback_and_the_end_of_the_log():
    fresh()
    try:
        {}["x"]
    except KeyError as exc:
        assert crash.record(exc)
    assert "Traceback" in crash.read() and "KeyError" in crash.read()
    crash.remove()
    crash.remove()
    assert crash.read() == ""


def test_boots_that_nobody_asked_for_are_counted():
    state = slots.State()
    for number in range(1, 20):
        slots.after_boot(state, True)
        assert state.crashes == min(number, 15)
    slots.after_boot(state, False)
    assert state.crashes == 0
    for word in (0, 1, 2 | 1 << 2 | 3 << 4 | 4 << 8 | 1 << 12, 0x7FFF):
        assert slots.State(word).slot <= 2
        assert slots.State(slots.State(word).word()).word() == slots.State(word).word()


def boots(count):
    """So many resets that nobody asked for in a row; whether the application ran after each."""
    ran = []
    timers = []
    real, machine.Timer.init = machine.Timer.init, lambda self, **options: timers.append(options)
    simbus.settings["reset_cause"] = machine.HARD_RESET
    try:
        for _ in range(count):
            slots.choose()
            safe = slots.safe_reason()
            ran.append(not safe)
            if safe:
                assert safe == "it crashed 5 times in a row"
                slots.run(None)
                assert timers.pop()["period"] == 900000
    finally:
        machine.Timer.init = real
        simbus.settings["reset_cause"] = machine.PWRON_RESET
    return ran


def test_after_five_crashes_the_application_is_left_alone_and_tried_again_later():
    fresh()
    # Each boot in safe mode ends with the timer's reset, and the application gets one more chance.
    assert boots(11) == [True] * 4 + [False, True, False, True, False, True, False]
    slots.commit()
    assert slots.safe_reason() == ""
    assert slots.load_state().crashes == 0
    assert boots(5) == [True] * 4 + [False]
    slots.commit()


# firmware images


def image(chip=9, size=10000):
    data = bytearray(os.urandom(size))
    data[0] = 0xE9
    data[12] = chip
    data[13] = 0
    return bytes(data)


def transfer(data, spoil=None):
    work = image_update.ImageUpdate(
        {"version": "1", "size": len(data), "sha256": binascii.hexlify(hashlib.sha256(data).digest()).decode()}
    )
    while True:
        message = work.step()
        if message is None:
            continue
        if message["event"] == "installed":
            return message
        at = message["offset"]
        piece = data[at : at + message["count"]]
        if spoil == at:
            piece = bytes(len(piece))
        work.data({"name": "image", "offset": at, "data": binascii.b2a_base64(piece)})


def refused(code, fn, *args):
    try:
        fn(*args)
    except UpdateError as exc:
        assert exc.code == code, exc.code
        return
    raise AssertionError(code)


def with_partitions(size):
    fresh(64)
    esp32._partition_size = size
    esp32._boot[:] = ["ota_0", "ota_0"]
    if size:
        esp32.Partition("ota_0").writeblocks(0, bytes(image()[:4096]))


def test_an_image_goes_into_the_other_partition_and_is_confirmed():
    with_partitions(65536)
    data = image()
    assert transfer(data)["slot"] == "ota_1"
    held = bytearray(len(data))
    esp32.Partition("ota_1").readblocks(0, held)
    assert bytes(held) == data
    assert esp32._boot == ["ota_1", "ota_0"]
    esp32.Partition.confirmed = 0
    updates.Updates(None, None, None).greeted(False)
    assert esp32.Partition.confirmed == 1


class Hours:
    """Lets time pass for updates.py."""

    def __init__(self, module):
        self.now = 0
        self._module = module

    def __enter__(self):
        self._real = self._module.time
        self._module.time = self
        return self

    def __exit__(self, *error):
        self._module.time = self._real

    def ticks_ms(self):
        return self.now

    def ticks_diff(self, a, b):
        return a - b


def after(milliseconds, without_motion=None, greeted=False):
    """The number of restarts by updates.py in that time after a start."""
    restarts = []
    with Hours(updates) as hours:
        work = updates.Updates(None, lambda: restarts.append(hours.now), None, "full", without_motion)
        if greeted:
            work.greeted(False)
        while hours.now < milliseconds:
            hours.now += 1000
            work.poll()
    return restarts


def test_an_image_that_reaches_no_host_is_left_again():
    with_partitions(65536)
    transfer(image())
    esp32._boot[1] = "ota_1"  # the boot loader has started it
    assert after(400000) == [301000]
    # A host was there: it stays.
    assert after(400000, greeted=True) == []
    assert after(400000) == []
    # And one that the boot loader has gone back from is on trial no more.
    transfer(image())
    assert after(400000) == []
    assert credentials.get(credentials.IMAGE) == ""


def test_without_motion_a_board_waits_two_minutes_for_its_update():
    fresh(64)
    assert after(400000, without_motion=True) == [121000]
    assert after(400000, without_motion=False) == []


def test_a_board_without_memory_for_an_update_starts_without_motion_once():
    fresh(64)
    restarts, sent = [], []
    work = updates.Updates(sent.append, lambda: restarts.append(1), lambda: "idle", "full", False)
    update_control.fail(work, MemoryError("none"))
    assert restarts == [1] and sent == [] and credentials.get(credentials.NO_MOTION) == "1"
    # Where there is nothing to leave out, the host is told.
    work = updates.Updates(sent.append, lambda: restarts.append(1), lambda: "idle", "full", None)
    update_control.fail(work, MemoryError("none"))
    assert restarts == [1] and sent[0]["code"] == "update_failed"
    # What fails without motion ends in a start with it.
    work = updates.Updates(sent.append, lambda: restarts.append(1), lambda: "idle", "full", True)
    update_control.fail(work, MemoryError("none"))
    assert restarts == [1, 1] and len(sent) == 2


def test_images_that_cannot_work_are_refused():
    with_partitions(0)
    refused("no_partition", transfer, image())
    with_partitions(65536)
    refused("no_room", transfer, image(size=70000))
    refused("wrong_architecture", transfer, image(chip=5))
    refused("bad_file", transfer, b"<html>" * 10)
    refused("bad_hash", transfer, image(), 4096)
    assert esp32._boot == ["ota_0", "ota_0"]


# the clock


def test_the_clock_is_left_alone_when_it_is_right():
    assert asyncio.run(ntp.set_clock("nowhere.invalid", None))


def test_a_silent_time_server_does_not_stop_the_board():
    class Server:
        host = ""
        timeout = 0

        @staticmethod
        def settime():
            raise OSError(110)

    sys.modules["ntptime"] = Server
    beats = []
    real, ntp.time = ntp.time, Clock
    began = time.ticks_ms()
    try:
        assert not asyncio.run(ntp.set_clock("time.invalid", lambda: beats.append(1)))
    finally:
        ntp.time = real
    assert Server.host == "time.invalid" and Server.timeout == 2 and len(beats) == 3
    assert time.ticks_diff(time.ticks_ms(), began) < 10000


class Clock:
    @staticmethod
    def gmtime():
        return (2000, 1, 1, 0, 0, 0, 0, 0)


def test_what_looks_for_something_to_do_allocates_nothing():
    console = Console(None)
    telemetry = Telemetry(None)
    work = updates.Updates(None, None, None)
    micropython.heap_lock()
    try:
        for _ in range(20):
            console.poll()
            telemetry.poll()
            work.poll()
    finally:
        micropython.heap_unlock()
        console.close()


class CountingFlash(Flash):
    """A flash that counts how often it is read."""

    reads = 0

    def readblocks(self, block, buf, offset=0):
        self.reads += 1
        super().readblocks(block, buf, offset)


def reads_to_find(flash, name):
    before = flash.reads
    os.stat(name)
    return flash.reads - before


def test_the_file_system_reads_in_larger_pieces_and_is_whole():
    flash = CountingFlash(bytearray(b"\xff" * 4096 * 200))
    vfs.VfsLfs2.mkfs(flash, readsize=32, progsize=32, lookahead=32)
    outside = vfs.VfsPosix()
    vfs.umount("/board")
    vfs.umount("/")
    try:
        vfs.mount(vfs.VfsLfs2(flash, readsize=32, progsize=32, lookahead=32), "/")
        os.mkdir("modules")
        for i in range(64):
            with open("modules/module_%d.mpy" % i, "w") as file:
                file.write("%d" % i)
        sys.modules["flashbdev"] = type("", (), {"bdev": flash})
        slow = reads_to_find(flash, "modules/module_0.mpy")
        slots.read_faster()
        assert reads_to_find(flash, "modules/module_0.mpy") * 2 < slow
        with open("modules/module_63.mpy") as file:
            assert file.read() == "63"
        with open("new", "w") as file:
            file.write("x")
        # Another file system than littlefs stays as it is.
        sys.modules["flashbdev"] = type("", (), {"bdev": CountingFlash(bytearray(4096 * 8))})
        slots.read_faster()
        assert sorted(os.listdir()) == ["modules", "new"]
    finally:
        vfs.umount("/")
        vfs.mount(outside, "/")
        sys.modules.pop("flashbdev", None)
        fresh()
