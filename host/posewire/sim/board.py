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
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from posewire.boards.board_file import load_board
from posewire.boards.budgets import device_tables
from posewire.boards.definition import BoardDefinition
from posewire.boards.folders import board_folder, firmware_folder
from posewire.errors import SimulatorError
from posewire.sim.console import Console
from posewire.sim.counters import Counters
from posewire.sim.firmware_reports import Event, FirmwareReports
from posewire.sim.interpreter import find_interpreter
from posewire.sim.memory_model import LEAST_HEAP, MemoryModel, memory_of
from posewire.sim.parts.bus import Kind, Record
from posewire.sim.parts.flash import merged, write_flash
from posewire.sim.parts.hardware import Hardware
from posewire.sim.parts.watchdog import Watchdog
from posewire.sim.parts.wifi import PASSWORD, SSID
from posewire.sim.process import BoardProcess
from posewire.sim.programs import programs_for

DEVICE_ID = "02:00:00:00:00:01"

# As machine.reset_cause() has them.
_POWER_ON = 1
_WATCHDOG = 3

_BOOT_SECONDS = 0.2
_GOODBYE_SECONDS = 0.5

_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


def _register_chips(definition: BoardDefinition) -> list[int]:
    """The I2C addresses of chips that need no more than to remember what they are told: codec and its helpers."""
    codec = definition.codec
    return [] if codec is None else sorted({codec.address, *(entry[0] for entry in codec.setup)})


class SimBoard(FirmwareReports):
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
        super().__init__()
        self.url = url
        self.device_id = device_id.lower()
        self.resets = 0
        self._on_line = on_line
        self._on_event = on_event
        self._interpreter = find_interpreter(word_bits=word_bits)
        folder = board_folder(board)
        definition = load_board(folder)
        memory = memory_of(definition, chip)
        if profile is None and definition.board.profile == "full" and heap is None and not memory.psram:
            # Such a chip is for one of them.
            profile = "motion" if room or (config or {}).get("pose", {}).get("room") else "voice"
        if profile is not None:
            definition = definition.with_profile(profile)
        self.profile = definition.board.profile
        """The profile of its firmware, which decides what files it has."""

        self._imu_chip = imu_chip or (definition.imu.chip if definition.imu else "mpu6050")
        self._i2c = _register_chips(definition)
        self._chip = definition.chip
        self.memory = memory
        self._model = MemoryModel(memory, self._interpreter, heap)
        self._clock_set = clock_set

        self._power = threading.RLock()
        self._process: BoardProcess | None = None
        self._counters = Counters()
        # Until the board has said that its interpreter cannot be given a chip's memory.
        self._has_memory = True
        self._closing = threading.Event()
        self._watchdog = Watchdog(self._bark)

        self._owner = tempfile.TemporaryDirectory(prefix="posewire-sim-", ignore_cleanup_errors=True)
        self._folder = Path(self._owner.name)
        self.flash = self._folder / "flash"
        self.console = Console(self._type)
        self._hardware = hardware = Hardware(definition.pins, self._folder / "mic.pcm")
        self.network, self.wifi = hardware.network, hardware.wifi
        self.mic, self.speaker = hardware.mic, hardware.speaker
        self.button, self.led, self.outputs = hardware.button, hardware.led, hardware.outputs
        self.imu, self.camera = hardware.imu, hardware.camera

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
        self._programs = programs_for(
            self._interpreter,
            firmware or firmware_folder(),
            definition.chip,
            self.profile,
            folder=self._folder,
            flash=self.flash,
        )
        self.native_code = self._programs.native_code
        """Bytes of each function that is machine code, by .mpy file; empty where the interpreter takes the source."""

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
        self._watchdog.start()
        self._boot(_POWER_ON)

    def kill(self) -> None:
        """Pull the plug. What is in flash stays."""
        with self._power:
            process, self._process = self._process, None
            self._watchdog.power_off()
            if process is not None:
                process.kill()
            self._hardware.power_off()

    def restart(self) -> None:
        """Pull the plug and put it back."""
        self.kill()
        self._boot(_POWER_ON)

    def close(self) -> None:
        """Switch off for good, saying goodbye where there is a connection, and remove all traces."""
        self._closing.set()
        self._say_goodbye()
        self.kill()
        self._hardware.close()
        self._watchdog.close()
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

    # what is known of the run

    def snapshot(self, timeout: float = 30.0) -> dict[str, Any]:
        """Ask the firmware for its counters; the last known ones when it does not run."""
        process = self._process
        if process is None or not process.alive():
            return self._counters.last
        before = self._counters.told
        process.bus.send(Kind.SNAPSHOT)
        self.wait(lambda: self._counters.told > before, timeout, "the firmware to report its counters")
        return self._counters.last

    def report(self) -> dict[str, Any]:
        """All that is known of this run, ready for JSON."""
        # A firmware that hangs does not answer; its last counters are better than none.
        with contextlib.suppress(SimulatorError):
            self.snapshot()
        return {
            "chip": self.memory.name,
            "chip_measured": self.memory.measured,
            "word_bits": self._interpreter.word_bits,
            "heap_model": self._model.name() if self._has_memory else "plain",
            "url": self.url,
            "device_id": self.device_id,
            "connected": self.connected,
            "session_id": self.session_id,
            "resets": self.resets,
            "tool_calls": self.tool_calls,
            "stt": self.stt,
            "sentences": self.sentences,
            "led": list(self.led.color),
            "speaker_seconds": round(self.speaker.seconds, 3),
            "camera": {"frames": self.camera.frames_sent, "skipped": self.camera.frames_skipped},
            "errors": self.errors,
        } | self._counters.report()

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
                "firmware": str(self._programs.firmware),
                "native": self.native_code,
                "memory": self._model.settings(),
            }
            self._process = BoardProcess(
                self._interpreter,
                self._programs.hardware,
                self._programs.firmware,
                self.flash,
                *self._model.process_heap(),
                settings,
                on_record=self._on_record,
                on_line=self._on_log_line,
                on_exit=self._on_exit,
                on_console=self.console.received,
            )
            self._process.start()

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

    def _bark(self) -> None:
        process = self._process
        if process is not None:
            self._on_log_line("(the watchdog was not fed in time)")
            self._reboot(process, _WATCHDOG)

    def _on_log_line(self, line: str) -> None:
        self.log.append(line)
        if self._on_line is not None:
            self._on_line(line)
        self._notify()

    def _on_exit(self, process: BoardProcess, status: int) -> None:
        if self._process is process:
            self._ended(status)
            self.speaker.closed(time.monotonic())
        self._notify()

    def _on_record(self, process: BoardProcess, record: Record) -> None:
        match record.kind:
            case Kind.READY:
                self._has_memory = bool(record.a)
                self._hardware.attach(process.bus)
            case Kind.EVENT:
                event = Event(time.monotonic(), *json.loads(record.payload))
                self.events.append(event)
                if self._on_event is not None:
                    self._on_event(event)
            case Kind.STATUS:
                self._counters.take_status(record.payload)
            case Kind.MEMORY:
                self._counters.take_memory(record.payload)
            case Kind.WDT:
                self._watchdog.arm(record.a)
            case Kind.FEED:
                self._watchdog.feed()
            case Kind.RESET:
                self._reboot(process, record.a)
            case _:
                self._hardware.handle(process.bus, record)
        self._notify()
