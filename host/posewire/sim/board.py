"""A simulated board: the real firmware in a real MicroPython process, and the hardware around it as Python objects.

with SimBoard("ws://127.0.0.1:8000/posewire/v1/", room="studio") as board:
    board.wait_connected()
    board.mic.play("hello.wav")
    board.button.press()
    board.wait(lambda: board.led.color == (0, 0, 255), what="the LED to turn blue")
    board.speaker.save("reply.wav")
"""

import contextlib
import json
import re
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from posewire.boards.board_file import load_board
from posewire.boards.budgets import device_tables
from posewire.boards.chip_memory import ChipMemory, chip_memory
from posewire.boards.definition import BoardDefinition
from posewire.boards.folders import board_folder, firmware_folder
from posewire.errors import BoardError, SimulatorError
from posewire.install.bundle import can_compile
from posewire.sim.bytecode import copy_as_bytecode
from posewire.sim.compiled import compile_user_tools, copy_compiled, sizes_of_native_code
from posewire.sim.console import Console
from posewire.sim.interpreter import find_interpreter
from posewire.sim.parts.bus import Bus, Kind, Record
from posewire.sim.parts.button import Button
from posewire.sim.parts.camera import Camera
from posewire.sim.parts.flash import merged, write_flash
from posewire.sim.parts.imu import Imu
from posewire.sim.parts.led import Led
from posewire.sim.parts.microphone import Microphone
from posewire.sim.parts.network import Network
from posewire.sim.parts.outputs import Outputs
from posewire.sim.parts.speaker import Speaker
from posewire.sim.parts.wifi import PASSWORD, SSID, Wifi
from posewire.sim.paths import HARDWARE
from posewire.sim.process import HARDWARE_HEAP, PLAIN_HARDWARE_HEAP, BoardProcess

DEFAULT_CHIP = "esp32"
# For who is not interested in memory.
ROOMY_CHIP = "esp32s3-psram"
# With less no program can start.
LEAST_HEAP = 16 * 1024
# Where the interpreter cannot be given a heap that grows as the chip's does: an ESP32's with all that Wi-Fi leaves.
_PLAIN_HEAP = 144 * 1024
DEVICE_ID = "02:00:00:00:00:01"

# As machine.reset_cause() has them.
_POWER_ON = 1
_WATCHDOG = 3

_MEMORY_FIELDS = ("heap_size", "heap_free", "heap_free_min", "idf_free", "idf_free_min")
_BOOT_SECONDS = 0.2
_GOODBYE_SECONDS = 0.5
_LOG_TAIL = 12
_POLL_SECONDS = 0.01

_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
# As posewire_fw.log writes them: seconds, level, part, message.
_LOG_LINE = re.compile(r" *\d+\.\d{3} ([DIWE]) ")


def line_level(line: str) -> str:
    """The level of a line of the firmware's log: D, I, W or E; empty for what is none."""
    found = _LOG_LINE.match(line)
    return found[1] if found else ""


def _memory_of(definition: BoardDefinition, chip: str | None) -> ChipMemory:
    if chip is None:
        return chip_memory(DEFAULT_CHIP) if definition.board.name == "sim" else definition.memory
    try:
        return chip_memory(chip)
    except BoardError as error:
        raise SimulatorError(str(error)) from None


def _register_chips(definition: BoardDefinition) -> list[int]:
    """The I2C addresses of chips that need no more than to remember what they are told: codec and its helpers."""
    codec = definition.codec
    return [] if codec is None else sorted({codec.address, *(entry[0] for entry in codec.setup)})


class Event(NamedTuple):
    """Something that the firmware reported, at a ``time.monotonic()`` moment."""

    at: float
    name: str
    value: Any


class SimBoard:
    """One simulated board. As a context manager it is switched on at first, and gone with all its files at the end.

    Args:
        url: the host, ``ws://`` or ``wss://``
        token: what the host wants as proof, None for nothing
        room: the room that the board publishes its motion in, None for none
        chip: whose memory it has, such as esp32, esp32c3 or esp32s3-psram (boards/chip_memory.toml); None: that of the
            board's definition, and esp32 for the simulator's own board
        heap: bytes of MicroPython heap, all at once and no more; None: as on the chip, where it begins small and grows
        word_bits: 64 for an interpreter of this machine's own kind; 32: one as on a board, where this machine runs it
        audio_format: ``ima-adpcm``, ``pcm``, ``opus`` or ``auto``
        protocol: how binary messages are framed: 1, 2 or 3
        imu: whether the firmware reads the motion sensor
        clock_set: False: its clock begins in the year 2000, as a chip's does at power on; otherwise it is right
        imu_chip: which one the board has: mpu6050, mpu6886, qmi8658, lsm6ds, bmi270; None for the one in its definition
        device_id: the board's MAC address
        config: further settings of the firmware's config.json, merged over the ones above
        board: the folder under boards/ that describes it
        user_tools: another user_tools.py than the one in that folder
        firmware: another folder than the firmware of this project; its main.py is run
        on_line: called with each line that the firmware prints, in a thread of the board
        on_event: called with each event, in a thread of the board

    All times are ``time.monotonic()`` moments. What waits raises SimulatorError when it waited in vain or when the
    firmware has ended, with the firmware's last lines in the message.
    """

    def __init__(
        self,
        url: str = "ws://127.0.0.1:8000/posewire/v1/",
        *,
        token: str | None = None,
        room: str | None = None,
        chip: str | None = None,
        heap: int | None = None,
        word_bits: int = 32,
        audio_format: str = "ima-adpcm",
        protocol: int = 3,
        imu: bool = True,
        imu_chip: str | None = None,
        clock_set: bool = True,
        device_id: str = DEVICE_ID,
        config: Mapping[str, Any] | None = None,
        board: str = "sim",
        profile: str | None = None,
        user_tools: Path | None = None,
        firmware: Path | None = None,
        on_line: Callable[[str], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise SimulatorError(f"the host must be a ws:// or wss:// URL with a port of 1 to 65535, not {url!r}")
        if heap is not None and heap < LEAST_HEAP:
            raise SimulatorError(f"a heap must have at least {LEAST_HEAP} bytes, not {heap}")
        if not _MAC.fullmatch(device_id):
            raise SimulatorError(f"a board's address must be six bytes such as {DEVICE_ID}, not {device_id!r}")
        self.url = url
        self.device_id = device_id.lower()
        self.log: list[str] = []
        self.events: list[Event] = []
        self.resets = 0
        self._heap = heap
        self._on_line = on_line
        self._on_event = on_event
        self._interpreter = find_interpreter(word_bits=word_bits)
        self._firmware = firmware or firmware_folder()
        self._hardware = HARDWARE
        folder = board_folder(board)
        definition = load_board(folder)
        memory = _memory_of(definition, chip)
        if profile is None and definition.board.profile == "full" and heap is None and not memory.psram:
            # Such a chip is for one of them.
            profile = "motion" if room or (config or {}).get("pose", {}).get("room") else "voice"
        if profile is not None:
            definition = definition.with_profile(profile)
        self.profile = definition.board.profile
        """The profile of its firmware, which decides what files it has."""

        pins = definition.pins
        self._led_pin = pins.get("led")
        self._imu_chip = imu_chip or (definition.imu.chip if definition.imu else "mpu6050")
        self._i2c = _register_chips(definition)
        self._chip = definition.chip
        self.memory = memory
        self._clock_set = clock_set

        self._changed = threading.Condition()
        self._power = threading.RLock()
        self._process: BoardProcess | None = None
        self._failure: str | None = None
        self._snapshot: dict[str, Any] = {}
        self._snapshots = 0
        self._chip_memory: dict[str, Any] = {}
        # Until the board has said that its interpreter cannot be given a chip's memory.
        self._has_memory = True
        self._watchdog_seconds = 0.0
        self._fed = 0.0
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="posewire-sim-watchdog", daemon=True)

        self._owner = tempfile.TemporaryDirectory(prefix="posewire-sim-", ignore_cleanup_errors=True)
        self._folder = Path(self._owner.name)
        self.flash = self._folder / "flash"
        self.network = Network()
        self.wifi = Wifi(self.network)
        self.console = Console(self._type)
        self.mic = Microphone(self._folder / "mic.pcm")
        self.speaker = Speaker()
        self.button = Button(pins.get("button"))
        self.led = Led()
        self.outputs = Outputs(pins)
        self.imu = Imu()
        self.camera = Camera()
        self._parts = (self.wifi, self.mic, self.button, self.imu, self.camera)

        settings = {
            "host": {"url": url, "token": token or "", "ca": None},
            "wifi": [{"ssid": SSID, "password": PASSWORD}],
            "protocol": protocol,
            "audio": {"format": audio_format},
            "pose": {"room": room, "imu": imu},
        }
        write_flash(
            self.flash,
            device_tables(definition, self.memory),
            merged(settings, config or {}),
            user_tools or folder / "user_tools.py",
        )
        self.native_code: dict[str, list[int]] = {}
        if not self._interpreter.viper:
            self._firmware = copy_as_bytecode(self._firmware, self._folder / "firmware")
            self._hardware = copy_as_bytecode(HARDWARE, self._folder / "hardware")
        elif self._interpreter.mpy and can_compile():
            self.native_code = sizes_of_native_code(self._firmware, self._chip.mpy, definition.board.profile)
            self._firmware = copy_compiled(
                self._firmware, self._folder / "firmware", self._interpreter.mpy, definition.board.profile
            )
            if definition.board.profile != "full":
                compile_user_tools(self.flash, self._interpreter.mpy)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # power

    def start(self) -> None:
        """Switch the board on."""
        if not self._watcher.is_alive():
            self._watcher.start()
        self._boot(_POWER_ON)

    def kill(self) -> None:
        """Pull the plug. What is in flash stays."""
        with self._power:
            process, self._process = self._process, None
            self._watchdog_seconds = 0.0
            if process is not None:
                process.kill()
            now = time.monotonic()
            self.network.starve(False)
            self.speaker.closed(now)
            self.led.power_off()
            self.outputs.power_off()
            self.camera.uart_opened(0, 0)

    def restart(self) -> None:
        """Pull the plug and put it back."""
        self.kill()
        self._boot(_POWER_ON)

    def close(self) -> None:
        """Switch off for good, saying goodbye where there is a connection, and remove all traces."""
        self._closing.set()
        self._say_goodbye()
        self.kill()
        self.imu.stop()
        self.camera.stop()
        self.network.close()
        if self._watcher.is_alive():
            self._watcher.join()
        self._owner.cleanup()

    def _say_goodbye(self) -> None:
        process = self._process
        if process is None or not process.alive() or not self.connected:
            return
        process.bus.send(Kind.OFF)
        # A firmware or a host that hangs is not waited for.
        with contextlib.suppress(SimulatorError):
            self.wait(lambda: not self.connected, _GOODBYE_SECONDS, "the goodbye")

    def stall_audio(self) -> None:
        """A fault of the I2S driver: the ports that are open now move nothing any more, without a word."""
        if self._process is not None:
            self._process.bus.send(Kind.STALL)

    @property
    def running(self) -> bool:
        """Whether the firmware runs."""
        process = self._process
        return process is not None and process.alive()

    # what the firmware reports

    @property
    def connected(self) -> bool:
        """Whether the board has a session with the host (hello both ways)."""
        links = (event.name for event in reversed(self.events) if event.name in ("connected", "disconnected"))
        return next(links, None) == "connected"

    @property
    def session_id(self) -> str | None:
        """The id that the host gave the session, also after it has ended; None before the first."""
        return next((event.value for event in reversed(self.events) if event.name == "connected"), None)

    @property
    def state(self) -> str:
        """The state of the session (idle, listening, …), as the firmware last said; ``off`` before that."""
        return next((str(event.value) for event in reversed(self.events) if event.name == "state"), "off")

    @property
    def stt(self) -> list[str]:
        """The texts that the host understood, turn by turn."""
        return self.values("stt")

    @property
    def sentences(self) -> list[str]:
        """The replies of the host, sentence by sentence."""
        return self.values("sentence")

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The calls of the board's tools: name and arguments of each."""
        return self.values("tool")

    def values(self, name: str) -> list[Any]:
        """The values of all events of one name."""
        return [event.value for event in self.events if event.name == name]

    @property
    def errors(self) -> list[str]:
        """The lines that the firmware printed as errors, and why it ended, if it did."""
        lines = [line for line in self.log if line_level(line) == "E"]
        return lines + ([self._failure] if self._failure else [])

    def snapshot(self, timeout: float = 30.0) -> dict[str, Any]:
        """Ask the firmware for its counters; the last known ones when it does not run."""
        process = self._process
        if process is None or not process.alive():
            return self._snapshot
        before = self._snapshots
        process.bus.send(Kind.SNAPSHOT)
        self.wait(lambda: self._snapshots > before, timeout, "the firmware to report its counters")
        return self._snapshot

    def report(self) -> dict[str, Any]:
        """All that is known of this run, ready for JSON."""
        # A firmware that hangs does not answer; its last counters are better than none.
        with contextlib.suppress(SimulatorError):
            self.snapshot()
        snapshot = self._snapshot
        nothing = {"audio": 0, "pose": 0, "text": 0}
        memory = self._chip_memory
        return {
            "chip": self.memory.name,
            "chip_measured": self.memory.measured,
            "word_bits": self._interpreter.word_bits,
            "heap_model": self._heap_model(),
            "heap_size": memory.get("heap_size"),
            "idf_free": memory.get("idf_free"),
            "idf_free_min": memory.get("idf_free_min"),
            "url": self.url,
            "device_id": self.device_id,
            "connected": self.connected,
            "session_id": self.session_id,
            "sent": snapshot.get("sent", nothing),
            "received": snapshot.get("received", nothing),
            "dropped": snapshot.get("dropped", {}),
            "heap_free_min": memory.get("heap_free_min", snapshot.get("heap_free_min")),
            "alloc_per_frame": snapshot.get("alloc_per_frame"),
            "reconnects": snapshot.get("reconnects", 0),
            "resets": self.resets,
            "tool_calls": self.tool_calls,
            "stt": self.stt,
            "sentences": self.sentences,
            "led": list(self.led.color),
            "speaker_seconds": round(self.speaker.seconds, 3),
            "camera": {"frames": self.camera.frames_sent, "skipped": self.camera.frames_skipped},
            "errors": self.errors,
            "firmware": snapshot,
        }

    def _heap_model(self) -> str:
        """``chip``: it grows as on the chip; ``fixed``: of the size that was asked for; ``plain``: no model."""
        if not (self._models_memory and self._has_memory):
            return "plain"
        return "chip" if self._heap is None else "fixed"

    # waiting

    def wait(self, condition: Callable[[], Any], timeout: float = 30.0, what: str = "a condition") -> None:
        """Wait until a condition holds; it is looked at whenever something happens, and every 10 ms."""
        deadline = time.monotonic() + timeout
        while not condition():
            if self._failure is not None:
                raise SimulatorError(f"waiting for {what}: {self._failure}")
            if time.monotonic() >= deadline:
                raise SimulatorError(f"waited {timeout:g} s for {what}; the board's last lines:\n{self._tail()}")
            with self._changed:
                self._changed.wait(_POLL_SECONDS)

    def wait_connected(self, timeout: float = 30.0) -> None:
        """Wait until the board has a session with the host."""
        self.wait(lambda: self.connected, timeout, f"the board to connect to {self.url}")

    # the process

    def _boot(self, cause: int) -> None:
        with self._power:
            if self._process is not None or self._closing.is_set():
                return
            self._failure = None
            settings = {
                "mac": self.device_id,
                "networks": {SSID: PASSWORD},
                "mic": str(self._folder / "mic.pcm"),
                "reset_cause": cause,
                "bytecode": not self._interpreter.viper,
                "imu": self._imu_chip,
                "i2c": self._i2c,
                "i2c_ports": self._chip.i2c_ports,
                "i2s_ports": self._chip.i2s_ports,
                "clock_set": self._clock_set,
                "firmware": str(self._firmware),
                "native": self.native_code,
                "memory": self._memory_settings(),
            }
            self._process = BoardProcess(
                self._interpreter,
                self._hardware,
                self._firmware,
                self.flash,
                *self._process_heap(),
                settings,
                on_record=self._on_record,
                on_line=self._on_log_line,
                on_exit=self._on_exit,
                on_console=self.console.received,
            )

    def _memory_settings(self) -> dict[str, Any] | None:
        """The chip's memory for the simulated hardware; None: there is no model of it."""
        if not self._models_memory:
            return None
        memory = self.memory
        return {
            "heap": memory.heap if self._heap is None else self._heap,
            "heap_in_use": 0 if self._heap is not None else memory.heap_in_use,
            "grows": self._heap is None,
            "data": memory.data,
            "shared": memory.shared,
            "code": memory.code,
            "psram": memory.psram,
            "costs": memory.costs,
            "ulp": memory.ulp,
        }

    @property
    def _models_memory(self) -> bool:
        # It looks into the interpreter, which only Linux lets it do; and an older one collects in another way.
        return self._interpreter.viper and self._interpreter.version >= (1, 25, 0) and sys.platform == "linux"

    def _process_heap(self) -> tuple[int, int]:
        """Bytes of heap for the firmware and for the simulated hardware, in the interpreter's own measure."""
        scale = self._interpreter.word_bits // 32
        if not self._models_memory:
            return (self._heap or _PLAIN_HEAP * scale), PLAIN_HARDWARE_HEAP
        # All that it can ever grow to.
        firmware = self._heap or self.memory.heap + self.memory.idf_free
        return firmware * scale, HARDWARE_HEAP * scale

    def _reboot(self, process: BoardProcess, cause: int) -> None:
        """As the chip does it, from a thread of its own: the process's threads cannot wait for themselves."""

        def run() -> None:
            with self._power:
                if self._process is not process:
                    return
                self.kill()
                self.resets += 1
            if not self._closing.wait(_BOOT_SECONDS):
                self._boot(cause)

        threading.Thread(target=run, name="posewire-sim-reset", daemon=True).start()

    def _type(self, data: bytes) -> None:
        process = self._process
        if process is not None:
            process.type(data)

    def _watch(self) -> None:
        """The watchdog: it works even when the firmware hangs in a loop."""
        while not self._closing.wait(0.05):
            process, limit = self._process, self._watchdog_seconds
            if process is not None and limit and time.monotonic() - self._fed > limit:
                self._watchdog_seconds = 0.0
                self._on_log_line("(the watchdog was not fed in time)")
                self._reboot(process, _WATCHDOG)

    def _on_log_line(self, line: str) -> None:
        self.log.append(line)
        if self._on_line is not None:
            self._on_line(line)
        self._notify()

    def _on_exit(self, process: BoardProcess, status: int) -> None:
        if self._process is process:
            self._failure = f"the firmware has ended with status {status}; its last lines:\n{self._tail()}"
            self.speaker.closed(time.monotonic())
        self._notify()

    def _on_record(self, process: BoardProcess, record: Record) -> None:
        bus = process.bus
        match record.kind:
            case Kind.READY:
                self._has_memory = bool(record.a)
                for part in self._parts:
                    part.attach(bus)
            case Kind.PIN_OUT if record.port == self._led_pin:
                self.led.level(record.a)
            case Kind.PIN_OUT:
                self.outputs.driven(record.port, float(record.a))
            case Kind.LED if record.port == self._led_pin:
                self.led.pixels(record.payload)
            case Kind.LED:
                self.outputs.lit(record.port, record.payload)
            case Kind.PWM:
                self.outputs.driven(record.port, record.a / 65535, record.b)
            case Kind.I2S_OPEN if record.c & 4:
                self.speaker.opened(record.a, record.c & 3)
            case Kind.I2S_DATA:
                self.speaker.written(bus.moment(record.b), record.payload)
            case Kind.I2S_CLOSE:
                self.speaker.closed(bus.moment(record.b))
            case Kind.WLAN:
                self.wifi.status = record.a
            case Kind.AP:
                self.wifi.announced(*json.loads(record.payload))
            case Kind.UART_OPEN:
                self.camera.uart_opened(record.port, record.a)
            case Kind.RESOLVE:
                answer = threading.Timer(self.network.dns_delay, self._answer_name, (bus, record))
                answer.daemon = True
                answer.start()
            case Kind.EVENT:
                event = Event(time.monotonic(), *json.loads(record.payload))
                self.events.append(event)
                if self._on_event is not None:
                    self._on_event(event)
            case Kind.STATUS:
                self._snapshot = json.loads(record.payload)
                self._snapshots += 1
            case Kind.STARVED:
                self.network.starve(bool(record.a))
            case Kind.MEMORY:
                numbers = struct.unpack("<5I", record.payload)
                self._chip_memory = dict(zip(_MEMORY_FIELDS, numbers, strict=True))
            case Kind.WDT:
                self._fed = time.monotonic()
                # The board reports no more often than every eighth of its time-out.
                self._watchdog_seconds = record.a / 1000 * 1.125
            case Kind.FEED:
                self._fed = time.monotonic()
            case Kind.RESET:
                self._reboot(process, record.a)
        self._notify()

    def _answer_name(self, bus: Bus, record: Record) -> None:
        found = self.network.resolve(record.payload.decode("utf-8", "replace"), record.a)
        port, ip = found if found is not None else (-1, "")
        bus.send(Kind.RESOLVED, 0, port, payload=ip.encode())

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _tail(self) -> str:
        return "\n".join(self.log[-_LOG_TAIL:]) or "(nothing was printed)"
