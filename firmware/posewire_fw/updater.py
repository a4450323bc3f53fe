"""Takes an update from the host over the session's text messages (docs/updates.md). Imported when one begins.

The board asks for what it needs, a piece at a time: what a slot already holds, or the running application has, is not
sent again. Nothing that runs is touched; the last step is one number in non-volatile storage. So an update may break
off anywhere: the board boots what it had, and the next attempt goes on where this one ended.
"""

# pyright: reportOptionalMemberAccess=false

import binascii
import gc
import hashlib
import os
import sys
import time

import posewire_slots as slots
from micropython import const

from posewire_fw import log, memory
from posewire_fw.update_error import PIECE, UpdateError

_BLOCK = const(4096)
_NAME_MAX = const(80)
_FILES_MAX = const(200)
_SILENCE_MS = const(30000)
_AGAIN_MS = const(4000)
_TRIES = const(3)
_FORMAT = "posewire-app 1"
_FRESH = "manifest.new"

_ARCHITECTURES = (
    "any", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa", "xtensawin",
    "rv32imc", "rv64imc",
)  # fmt: skip


def architecture():
    """(name of the machine code that this interpreter takes, .mpy version, .mpy sub-version)."""
    mpy = getattr(sys.implementation, "_mpy", 0)
    index = mpy >> 10 & 15
    return _ARCHITECTURES[index] if index < len(_ARCHITECTURES) else "any", mpy & 0xFF, mpy >> 8 & 3


def free_bytes():
    """Room in the file system, None where that cannot be said."""
    try:
        stat = os.statvfs(".")
        # littlefs counts blocks twice that it has written and not yet committed: then there is none, not 2^32.
        return stat[0] * stat[3] if stat[3] <= stat[2] else 0
    except (AttributeError, OSError):
        return None


def code_kind():
    """Where the running application's code is: "files" (it takes memory), "rom" (executed from flash) or "frozen"."""
    path = __file__
    if path.startswith("/rom/"):
        return "rom"
    try:
        os.stat(path)
        return "files"
    except OSError:
        return "frozen"


def describe(version, profile):
    """The description of the board that the host needs before it offers an update."""
    from posewire_fw.partitions import next_partition

    name, mpy, sub = architecture()
    partition = next_partition()
    state = slots.load_state()
    return {
        "type": "update",
        "event": "state",
        "version": version,
        "profile": profile,
        "slot": slots.folder(state.slot) or "base",
        "trial": state.trial > 0,
        "arch": name,
        "mpy": mpy,
        "mpy_sub": sub,
        "free": free_bytes(),
        "code": code_kind(),
        "heap": gc.mem_alloc() + memory.heap_free(),
        "image": None if partition is None else {"label": partition.info()[4], "size": partition.info()[3]},
    }


def _hash_file(path):
    digest = hashlib.sha256()
    buffer = bytearray(512)
    view = memoryview(buffer)
    with open(path, "rb") as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                break
            digest.update(view[:count])
    return binascii.hexlify(digest.digest()).decode()


def _is(path, sha256):
    try:
        return _hash_file(path) == sha256
    except OSError:
        return False


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return -1


def _make_folders(path):
    at = path.find("/")
    while at >= 0:
        try:
            os.mkdir(path[:at])
        except OSError:
            pass  # it is there already; if not, opening the file fails and says so
        at = path.find("/", at + 1)


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


def _close(file):
    try:
        file.close()
    except OSError:
        pass  # a full file system cannot even end a file


def check_name(name):
    """Refuse names that could lead out of the slot. Raises UpdateError."""
    good = 0 < len(name) <= _NAME_MAX and name not in (slots.MANIFEST, _FRESH)
    for part in name.split("/"):
        good = good and part not in ("", ".", "..")
    for letter in name:
        good = good and (letter.isalpha() or letter.isdigit() or letter in "._-/") and ord(letter) < 128
    if not good:
        raise UpdateError("bad_manifest", "a file in the update has a name that cannot be: %s" % name[:_NAME_MAX])


def check_mpy(name, head):
    """Refuse compiled files that this interpreter would not load. Raises UpdateError."""
    if not name.endswith(".mpy"):
        return
    arch, version, sub = architecture()
    if len(head) < 3 or head[0] != 0x4D:
        raise UpdateError("bad_file", "%s is not a compiled module" % name)
    index = head[2] >> 2 & 15
    theirs = _ARCHITECTURES[index] if index < len(_ARCHITECTURES) else "unknown"
    if head[1] != version:
        raise UpdateError("wrong_version", "%s is .mpy version %d, this board takes %d" % (name, head[1], version))
    if theirs != "any" and (theirs != arch or head[2] & 3 != sub):
        raise UpdateError("wrong_architecture", "%s is compiled for %s, this board is %s" % (name, theirs, arch))


class AppUpdate:
    """One update of the application. step() does a little work and returns what to send, None for nothing."""

    def __init__(self, message):
        self.version = str(message.get("version", ""))
        self._sha256 = message["sha256"]
        self._size = message["size"]
        if not isinstance(self._size, int) or not isinstance(self._sha256, str):
            raise UpdateError("bad_manifest", "begin needs the manifest's size and sha256")
        self.slot = slots.target()
        self._folder = slots.folder(self.slot)
        _make_folders(self._folder + "/")
        # From here on the slot is not complete: it cannot be chosen, whatever happens.
        _remove(self._folder + "/" + slots.MANIFEST)
        self._running = slots.folder(slots.load_state().slot)
        self._manifest = None
        self._file = None
        self._name = _FRESH
        self._wanted = self._sha256
        self._length = self._size
        self._offset = 0
        self._digest = None
        self._tries = 0
        self._asked = False
        self._heard = time.ticks_ms()
        self._asked_at = self._heard
        self._names = []
        self._last = ""
        self.done = 0
        self.total = 0

    def step(self):
        """Do one piece of work. Raises UpdateError, OSError."""
        if self._asked:
            now = time.ticks_ms()
            if time.ticks_diff(now, self._heard) > _SILENCE_MS:
                raise UpdateError("timeout", "the host sent nothing for %d s" % (_SILENCE_MS // 1000))
            # A question or its answer may have been dropped: by a limit of the host, or for want of memory here.
            return self._ask() if time.ticks_diff(now, self._asked_at) > _AGAIN_MS else None
        if self._file is not None:
            return self._ask()
        if not self._name and not self._next_name():
            return self._install()
        return self._begin_file()

    def data(self, message):
        """A piece of the file that was asked for; anything else is left aside. Raises UpdateError, OSError."""
        if not self._asked or message.get("name") != self._asked_name() or message.get("offset") != self._offset:
            return
        piece = binascii.a2b_base64(message["data"])
        if not piece or len(piece) > min(PIECE, self._length - self._offset):
            raise UpdateError("bad_data", "a piece of %s has the wrong length" % self._name)
        if not self._offset:
            check_mpy(self._name, piece)
        self._file.write(piece)
        self._digest.update(piece)
        self._offset += len(piece)
        self._asked = False
        if self._offset == self._length:
            self._end_file()

    def close(self):
        """Let go of what is open; the files that are complete stay for the next attempt."""
        if self._file is not None:
            _close(self._file)
            _remove(self._path())
        if self._manifest is not None:
            _close(self._manifest)
        self._file = self._manifest = None

    def _asked_name(self):
        return slots.MANIFEST if self._name == _FRESH else self._name

    def _path(self):
        return self._folder + "/" + self._name

    def _begin_file(self):
        path = self._path()
        if _size(path) == self._length and _is(path, self._wanted):
            self._got_file()
            return None
        if self._name != _FRESH and self._copy(path):
            self._got_file()
            return None
        _make_folders(path)
        self._open()
        return self._ask() if self._length else self._end_file()

    def _open(self):
        self._file = open(self._path(), "wb")
        self._digest = hashlib.sha256()
        self._offset = 0

    def _copy(self, path):
        """Take the file from the running application, or from the base, where it is the same there."""
        for folder in (self._running, slots.folder(slots.BASE)):
            source = folder + "/" + self._name if folder else self._name
            if source != path and _size(source) == self._length and _is(source, self._wanted):
                _make_folders(path)
                buffer = bytearray(512)
                with open(source, "rb") as old, open(path, "wb") as new:
                    while True:
                        count = old.readinto(buffer)
                        if not count:
                            break
                        new.write(memoryview(buffer)[:count])
                return _is(path, self._wanted)
        return False

    def _ask(self):
        self._asked_at = time.ticks_ms()
        if not self._asked:
            self._asked = True
            self._heard = self._asked_at
        return {
            "type": "update",
            "event": "want",
            "name": self._asked_name(),
            "offset": self._offset,
            "count": min(PIECE, self._length - self._offset),
            "done": self.done + (self._offset if self._name != _FRESH else 0),
            "total": self.total,
        }

    def _end_file(self):
        self._file.close()
        self._file = None
        # Read back: what counts is what the flash holds.
        if _is(self._path(), self._wanted):
            self._tries = 0
            self._got_file()
            return
        _remove(self._path())
        self._tries += 1
        if self._tries == _TRIES:
            raise UpdateError("bad_hash", "%s arrived damaged %d times" % (self._name, _TRIES))

    def _got_file(self):
        if self._name == _FRESH:
            self._read_manifest()
        else:
            self.done += self._length
        self._name = ""

    def _read_manifest(self):
        """The manifest is complete: look whether all of it can be."""
        path = self._folder + "/" + _FRESH
        names = []
        total = 0
        need = 0
        with open(path) as file:
            head = file.readline().split()
            if " ".join(head[:2]) != _FORMAT or len(head) < 5:
                raise UpdateError("bad_manifest", "the update's manifest is of a kind that this board does not know")
            arch, version, _ = architecture()
            if head[3] not in ("any", arch):
                raise UpdateError("wrong_architecture", "the update is for %s, this board is %s" % (head[3], arch))
            if head[4] != str(version):
                raise UpdateError("wrong_version", "the update is .mpy %s, this board takes %d" % (head[4], version))
            self.version = head[2]
            while True:
                entry = self._entry(file)
                if entry is None:
                    break
                name, size, _ = entry
                check_name(name)
                names.append(name)
                total += size
                there = _size(self._folder + "/" + name)
                if there != size:
                    if there >= 0:
                        os.remove(self._folder + "/" + name)
                    # Files take whole blocks.
                    need += (size // _BLOCK + 1) * _BLOCK
        if not names or len(names) > _FILES_MAX:
            raise UpdateError("bad_manifest", "the update has %d files" % len(names))
        self._sweep(self._folder, "", names)
        room = free_bytes()
        if room is not None and room < need:
            raise UpdateError("no_room", "the update needs %d bytes, the file system has %d" % (need, room))
        self.total = total
        self._manifest = open(path)
        self._manifest.readline()

    def _sweep(self, folder, prefix, names):
        """Remove what an earlier version left in the slot."""
        for entry in os.listdir(folder):
            path = folder + "/" + entry
            if os.stat(path)[0] & 0x4000:
                self._sweep(path, prefix + entry + "/", names)
            elif prefix + entry not in names and prefix + entry != _FRESH:
                os.remove(path)

    def _entry(self, file):
        line = file.readline()
        if not line:
            return None
        parts = line.split()
        if len(parts) != 3 or len(parts[0]) != 64 or not parts[1].isdigit():
            raise UpdateError("bad_manifest", "the update's manifest has a line that makes no sense")
        return parts[2], int(parts[1]), parts[0]

    def _next_name(self):
        entry = self._entry(self._manifest)
        if entry is None:
            return False
        self._name, self._length, self._wanted = entry
        return True

    def _install(self):
        self.close()
        os.rename(self._folder + "/" + _FRESH, self._folder + "/" + slots.MANIFEST)
        slots.install(self.slot)
        log.info("update", "%s is installed in %s", self.version, self._folder)
        return {"type": "update", "event": "installed", "version": self.version, "slot": self._folder}
