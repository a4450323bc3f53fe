"""The simulated camera co-processor: sends keypoints over the UART (``docs/keypoint-uart.md``)."""

import binascii
import struct
import threading
import time
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from posewire.errors import PoseError, SimulatorError
from posewire.sim.parts.bus import PAYLOAD_MAX, Bus, Kind
from posewire.wire.pose import landmark_set

_SYNC = b"\xa5\x5a"
_HEADER = struct.Struct("<BBHI")
_CRC = struct.Struct("<H")
_CUSTOM = 0
# One start bit, eight data bits, one stop bit.
_BITS_A_BYTE = 10
_FPS = 30.0

Frames = NDArray[np.float32]


def load_recording(path: Path | str) -> tuple[Frames, float, int]:
    """Read an .npz with ``data`` (frames, landmarks, channels) and maybe ``fps`` and ``kind``.

    Returns the data as float32, the frame rate (30 where the file has none) and the landmark set's number: the one
    whose name is ``kind``, where the shape is that set's; otherwise 0 (custom). Raises SimulatorError.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if "data" not in file.files:
                raise SimulatorError(f"{path}: no array 'data' in it, only {', '.join(file.files)}")
            data = np.asarray(file["data"], np.float32)
            fps = float(file["fps"]) if "fps" in file.files else _FPS
            kind = str(file["kind"]) if "kind" in file.files else ""
    except (OSError, EOFError, TypeError, ValueError, BadZipFile) as error:
        # What numpy says of a file of another kind is advice to load it in an unsafe way.
        why = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise SimulatorError(f"{path}: not an .npz recording{why}") from error
    if data.ndim != 3 or not len(data) or not fps > 0:
        raise SimulatorError(
            f"{path}: 'data' must be (frames, landmarks, channels) and fps above 0, not {data.shape}, {fps}"
        )
    return data, fps, set_number(kind, data.shape[1:])


def set_number(kind: str, shape: tuple[int, ...]) -> int:
    """The number of the landmark set of that name and shape (landmarks, channels), 0 (custom) when there is none.

    ``quat`` is as many quaternions as there are, ``quat5`` is five.
    """
    try:
        known = landmark_set(f"quat{shape[0]}" if kind == "quat" else kind)
    except PoseError:
        return _CUSTOM
    return known.id if (known.landmarks, known.channels) == shape else _CUSTOM


def encode_frame(set_id: int, time_ms: int, landmarks: Frames) -> bytes:
    """One frame as it goes over the UART; ``landmarks`` is (landmarks, channels)."""
    count, channels = landmarks.shape
    body = _HEADER.pack(set_id, channels, count, time_ms & 0xFFFFFFFF) + landmarks.astype("<f4").tobytes()
    return _SYNC + body + _CRC.pack(binascii.crc_hqx(body, 0xFFFF))


class Camera:
    """Plays recordings into one UART at that UART's baud rate."""

    def __init__(self) -> None:
        self._bus: Bus | None = None
        self._port = 0
        self._baud = 0
        self._stop = threading.Event()
        self._player: threading.Thread | None = None
        self._started = time.monotonic()
        self.frames_sent = 0
        self.frames_skipped = 0

    def attach(self, bus: Bus) -> None:
        """The board has been switched on; its UART is closed until it says otherwise."""
        self._bus = bus
        self._baud = 0

    def uart_opened(self, port: int, baud: int) -> None:
        """The board opened its UART; 0 baud: closed it."""
        self._port, self._baud = port, baud

    @property
    def online(self) -> bool:
        """Whether the firmware has opened its UART; what is sent before that is lost."""
        return self._baud > 0

    @property
    def playing(self) -> bool:
        """Whether a recording is being played."""
        return self._player is not None and self._player.is_alive()

    def play(self, source: str | Path | Frames, fps: float | None = None, kind: str = "", loop: bool = False) -> float:
        """Play an .npz recording or an array (frames, landmarks, channels) from now on; returns its length in seconds.

        ``fps`` and ``kind`` (the name of a landmark set) replace the file's. Returns at once. Raises SimulatorError.
        """
        if isinstance(source, np.ndarray):
            data, its_fps, set_id = np.asarray(source, np.float32), _FPS, set_number(kind, source.shape[1:])
        else:
            data, its_fps, set_id = load_recording(Path(source))
            if kind:
                set_id = set_number(kind, data.shape[1:])
        rate = fps or its_fps
        self.stop()
        self._player = threading.Thread(
            target=self._run, args=(data, rate, set_id, loop), name="posewire-sim-camera", daemon=True
        )
        self._player.start()
        return len(data) / rate

    def stop(self) -> None:
        """End what is being played."""
        self._stop.set()
        if self._player is not None:
            self._player.join()
            self._player = None
        self._stop.clear()

    def send(self, data: bytes) -> None:
        """Put bytes on the line as they are, at the line's speed. What the board has no room for is lost."""
        for at in range(0, len(data), PAYLOAD_MAX):
            chunk = data[at : at + PAYLOAD_MAX]
            bus, baud = self._bus, self._baud
            if bus is None or not baud:
                return
            if self._stop.wait(len(chunk) * _BITS_A_BYTE / baud):
                return
            if bus.writable():
                bus.send(Kind.UART, self._port, payload=chunk)

    def _run(self, data: Frames, fps: float, set_id: int, loop: bool) -> None:
        start = time.monotonic()
        index = 0
        while loop or index < len(data):
            if self._stop.wait(max(0.0, start + index / fps - time.monotonic())):
                return
            now = time.monotonic()
            self.send(encode_frame(set_id, round((now - self._started) * 1000), data[index % len(data)]))
            self.frames_sent += 1
            # While the line is slower than the camera, frames are left out.
            due = int((time.monotonic() - start) * fps)
            due = due if loop else min(due, len(data))
            if due > index + 1:
                self.frames_skipped += due - index - 1
            index = max(index + 1, due)
