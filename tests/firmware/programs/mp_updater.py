"""The updater on a real littlefs: power may fail at any write, the flash may be full. Runs on MicroPython only.

The chip's storage (esp32.NVS) is the simulator's; its file is on the same littlefs, so that its writes are cut too.
"""

import binascii
import hashlib
import os
import sys

sys.path.insert(1, __file__.rsplit("/", 1)[0] + "/../../../host/posewire/sim/micropython")

import esp32
import posewire_slots as slots
import vfs

from posewire_fw import log, updater
from posewire_fw.update_error import UpdateError

log.set_level(log.ERROR + 1)

_BLOCK = 4096


class PowerCut(BaseException):
    """No code of the board may catch this."""


class Flash:
    """A block device in memory that stops working after so many writes and erasures; the last one gets half done."""

    def __init__(self, data):
        self.data = data
        self.left = -1
        self.used = 0

    def readblocks(self, block, buf, offset=0):
        at = block * _BLOCK + offset
        buf[:] = memoryview(self.data)[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * _BLOCK + offset
        count = self._spend(len(buf))
        self.data[at : at + count] = memoryview(buf)[:count]
        if count < len(buf):
            raise PowerCut

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // _BLOCK
        if op == 5:
            return _BLOCK
        if op == 6:
            count = self._spend(_BLOCK)
            at = arg * _BLOCK
            for i in range(at, at + count, 256):
                self.data[i : i + 256] = _ERASED
            if count < _BLOCK:
                raise PowerCut
        return 0

    def _spend(self, whole):
        self.used += 1
        if self.left < 0:
            return whole
        if self.left == 0:
            return whole // 2
        self.left -= 1
        return whole


_ERASED = b"\xff" * 256


def mount(flash):
    try:
        vfs.umount("/board")
    except OSError:
        pass
    esp32._spaces.clear()
    vfs.mount(vfs.VfsLfs2(flash, readsize=32, progsize=32, lookahead=32), "/board")
    os.chdir("/board")


def sha(data):
    return binascii.hexlify(hashlib.sha256(data).digest()).decode()


def files_of(version, names="abc"):
    return {
        "posewire_fw/%s.py" % name: ("# %s %s\n" % (version if name == "a" else "", name)).encode() * (60 + 90 * i)
        for i, name in enumerate(names)
    }


class Host:
    """Answers what the board asks for."""

    def __init__(self, version, files, arch="any", mpy=None):
        self.files = dict(files)
        mpy = updater.architecture()[1] if mpy is None else mpy
        lines = ["posewire-app 1 %s %s %s" % (version, arch, mpy)]
        for name in sorted(files):
            lines.append("%s %d %s" % (sha(files[name]), len(files[name]), name))
        self.manifest = ("\n".join(lines) + "\n").encode()
        self.asked = []
        self.bytes = 0

    def begin(self):
        return {"version": "?", "size": len(self.manifest), "sha256": sha(self.manifest)}

    def answer(self, want):
        name = want["name"]
        data = self.manifest if name == "manifest" else self.files[name]
        if not want["offset"]:
            self.asked.append(name)
        piece = data[want["offset"] : want["offset"] + want["count"]]
        self.bytes += len(piece)
        return {"name": name, "offset": want["offset"], "data": binascii.b2a_base64(piece)}


def update(host):
    work = updater.AppUpdate(host.begin())
    try:
        while True:
            message = work.step()
            if message is None:
                continue
            if message["event"] == "installed":
                return message
            work.data(host.answer(message))
    finally:
        work.close()


def boot():
    """Return the slot that boot.py would choose."""
    path = list(sys.path)
    slots.choose()
    sys.path[:] = path
    return slots.load_state().slot


def holds(slot, files):
    folder = slots.folder(slot)
    for name in files:
        with open(folder + "/" + name if folder else name, "rb") as file:
            if file.read() != files[name]:
                return False
    return True


def fresh(blocks=40):
    """A board as it comes: version 1 in the base."""
    flash = Flash(bytearray(b"\xff" * (blocks * _BLOCK)))
    vfs.VfsLfs2.mkfs(flash, readsize=32, progsize=32, lookahead=32)
    mount(flash)
    os.mkdir("posewire_fw")
    for name, data in files_of("1").items():
        with open(name, "wb") as file:
            file.write(data)
    slots.store(slots.State(0))
    return flash


def raises(code, fn, *args):
    try:
        fn(*args)
    except UpdateError as exc:
        assert exc.code == code, (exc.code, str(exc))
        return
    raise AssertionError("no UpdateError")


def test_an_update_takes_only_what_changed_and_runs_on_trial():
    fresh()
    host = Host("2", files_of("2"))
    assert update(host)["slot"] == "slots/a"
    assert host.asked == ["manifest", "posewire_fw/a.py"]
    assert boot() == 1 and slots.load_state().trial == 3
    assert holds(1, files_of("2"))
    assert slots.commit() and boot() == 1 and slots.load_state().trial == 0


def test_an_update_that_never_commits_is_rolled_back():
    fresh()
    update(Host("2", files_of("2")))
    assert [boot() for _ in range(4)] == [1, 1, 1, 0]
    assert slots.pop_rolled_back() == 1 and slots.pop_rolled_back() == 0


def test_updates_alternate_between_the_slots():
    fresh()
    for number in range(2, 6):
        update(Host(str(number), files_of(str(number))))
        slot = boot()
        assert slot == (1, 2)[number % 2]
        assert holds(slot, files_of(str(number)))
        slots.commit()


def cut_everywhere(image, old, new, before):
    """Cut the power at every write of an update; the board must boot old or new, and take the update afterwards."""
    flash = Flash(bytearray(image))
    mount(flash)
    flash.used = 0
    update(Host("new", new))
    writes = flash.used
    assert writes > 20
    for number in range(writes + 1):
        flash = Flash(bytearray(image))
        mount(flash)
        flash.left = number
        cut = False
        try:
            update(Host("new", new))
        except PowerCut:
            cut = True
        assert cut == (number < writes), number
        flash.left = -1
        mount(flash)
        slot = boot()
        assert slots.complete(slot), number
        if cut and slot == before:
            assert holds(slot, old), number
            # Nothing stands in the way of the next attempt.
            update(Host("new", new))
            slot = boot()
        assert slot != before and holds(slot, new), number
    return writes


def test_power_cut_at_every_write_of_the_first_update():
    flash = fresh(32)
    cut_everywhere(bytes(flash.data), files_of("1"), files_of("2"), 0)


def test_power_cut_at_every_write_of_a_later_update():
    flash = fresh(40)
    update(Host("2", files_of("2", "abd")))
    boot()
    slots.commit()
    update(Host("3", files_of("3")))
    boot()
    slots.commit()
    assert slots.load_state().slot == 2
    cut_everywhere(bytes(flash.data), files_of("3"), files_of("4", "abe"), 2)


def test_what_arrived_before_a_break_is_not_sent_again():
    fresh()
    new = files_of("2", "axyz")
    host = Host("2", new)
    work = updater.AppUpdate(host.begin())
    while len(host.asked) < 4:
        message = work.step()
        if message is not None:
            work.data(host.answer(message))
    work.close()
    assert not slots.complete(1)
    again = Host("2", new)
    update(again)
    assert again.asked == ["posewire_fw/z.py"]
    assert holds(1, new)


def test_a_full_flash_leaves_the_board_as_it_was():
    fresh(40)
    big = dict(files_of("2"))
    big["posewire_fw/big.py"] = b"#" * 140000
    raises("no_room", update, Host("2", big))
    assert boot() == 0 and holds(0, files_of("1"))
    # A file system that fills up on the way.
    updater.free_bytes, real = (lambda: None), updater.free_bytes
    try:
        update(Host("2", big))
        raise AssertionError
    except OSError as exc:
        assert exc.errno == 28, exc
    finally:
        updater.free_bytes = real
    assert boot() == 0 and holds(0, files_of("1"))
    update(Host("2", files_of("2")))
    assert boot() == 1


def test_what_does_not_fit_this_board_is_refused():
    fresh()
    arch, mpy, sub = updater.architecture()
    raises("wrong_architecture", update, Host("2", files_of("2"), "xtensawin"))
    raises("wrong_version", update, Host("2", files_of("2"), "any", mpy + 1))
    index = updater._ARCHITECTURES.index("xtensawin")
    for head, code in (
        (bytes((0x4D, mpy + 1, 0)), "wrong_version"),
        (bytes((0x4D, mpy, index << 2 | sub)), "wrong_architecture"),
        (b"<html", "bad_file"),
    ):
        raises(code, update, Host("2", {"posewire_fw/a.mpy": head + b"\x1f" + bytes(40)}))
    good = bytes((0x4D, mpy, updater._ARCHITECTURES.index(arch) << 2 | sub, 31))
    update(Host("2", {"posewire_fw/a.mpy": good, "posewire_fw/b.mpy": bytes((0x4D, mpy, 0, 31))}))
    for name in ("../boot.py", "/boot.py", "a//b", "a b", "manifest", "manifest.new", "x" * 81, "a\\b", "\u00e4"):
        raises("bad_manifest", update, Host("2", {name: b"x"}))


def test_damaged_data_is_asked_for_again_and_given_up_at_last():
    fresh()

    class Lossy(Host):
        def __init__(self, faults, *args):
            super().__init__(*args)
            self.faults = faults

        def answer(self, want):
            message = super().answer(want)
            if self.faults and want["name"] != "manifest":
                self.faults -= 1
                message["data"] = binascii.b2a_base64(b"?" * want["count"])
            return message

    update(Lossy(1, "2", files_of("2")))
    assert holds(1, files_of("2"))
    fresh()
    raises("bad_hash", update, Lossy(100, "2", files_of("2")))
    assert boot() == 0


class FastClock:
    """A tenth of a second passes with each look at it."""

    now = 0

    @classmethod
    def ticks_ms(cls):
        cls.now += 100
        return cls.now

    ticks_diff = staticmethod(lambda later, earlier: later - earlier)


def test_a_lost_message_is_asked_for_again_and_a_dead_host_given_up():
    class Forgetful(Host):
        def __init__(self, every, *args):
            super().__init__(*args)
            self.every = every
            self.wants = 0

        def answer(self, want):
            self.wants += 1
            return {} if self.wants % self.every else super().answer(want)

    real, updater.time = updater.time, FastClock
    try:
        fresh()
        update(Forgetful(3, "2", files_of("2")))
        assert holds(1, files_of("2"))
        fresh()
        raises("timeout", update, Forgetful(1000, "2", files_of("2")))
        assert boot() == 0
    finally:
        updater.time = real
