"""What happens to a simulated board, told to people line by line."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from posewire.host_problems import scope_remedy
from posewire.sim.board import SimBoard
from posewire.sim.firmware_reports import Event, line_level
from posewire.terminal import show


class Story:
    """Tells what happens, line by line, and speaks into the microphone when a press made the board listen."""

    def __init__(self, out: TextIO, verbose: bool) -> None:
        self._out = out
        self._verbose = verbose
        self._advice: set[str] = set()
        self._start = time.monotonic()
        self.board: SimBoard | None = None
        # What to say when the board begins to listen; None when no button was pressed just now.
        self.mic: Path | None = None

    def line(self, line: str) -> None:
        """Tell of a line that the firmware printed: all of them, or warnings and errors only."""
        if self._verbose or line_level(line) in ("W", "E"):
            self.tell(f"board | {line.strip()}")
        if (advice := _advice(line)) and advice not in self._advice:
            self._advice.add(advice)
            self.tell(advice)

    def event(self, event: Event) -> None:
        """Tell of an event that the firmware reported; play the microphone's file when the board begins to listen."""
        if event.name == "state" and event.value == "listening" and self.mic is not None and self.board is not None:
            mic, self.mic = self.mic, None
            length = self.board.mic.play(mic)
            self.tell(f"listening; {mic.name} plays for {length:.1f} s")
        else:
            self.tell(_in_words(event))

    def tell(self, text: str) -> None:
        """One line, with the seconds since the start."""
        show(f"{time.monotonic() - self._start:7.2f}  {text}", out=self._out)

    def summary(self, report: Mapping[str, Any]) -> None:
        """The end of the story for people."""
        sent, received = report["sent"], report["received"]
        self.tell(
            f"sent {sent['audio']} audio, {sent['pose']} pose, {sent['text']} text; "
            f"received {received['audio']} audio, {received['pose']} pose, {received['text']} text"
        )
        # The figure that the board itself reports, which the host's page shows under the same words.
        least = report["firmware"].get("heap_free_min")
        self.tell(
            f"speaker {report['speaker_seconds']:.1f} s, LED {tuple(report['led'])}, "
            f"connections lost {report['reconnects']}"
            + (f", free memory at least {least} B" if least is not None else "")
        )


def _advice(line: str) -> str:
    """Return what helps against what the board says; empty where nothing is known to."""
    if " app: left out: " in line and " it needs " in line:
        return "a simulated board has room for it with --chip esp32s3-psram"
    if " app: left out: " in line and " profile " in line:
        return "a simulated board has it with another --profile, or with --chip esp32s3-psram"
    return scope_remedy(line)


def _in_words(event: Event) -> str:
    match event.name:
        case "connected":
            return f"connected, session {event.value}"
        case "stt":
            return f"heard: {event.value}"
        case "sentence":
            return f"says: {event.value}"
        case "tool":
            return f"tool {event.value['name']} {json.dumps(event.value['arguments'])}"
        case "pairing":
            return f"pairing code: {event.value}" if event.value else "no pairing code any more"
        case "state" | "disconnected":
            return str(event.value or event.name)
        case _:
            return f"{event.name}: {event.value}"
