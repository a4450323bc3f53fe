"""The demo's terminal: the host's structured log as lines that a person likes to read."""

import threading
import time
from typing import Any, TextIO

from posewire.printable import printable
from posewire.terminal import Style, show_text

_STAGES = {"asr": "recognition", "tool": "the tool", "tts": "voice", "total": "first audio after"}


class Console:
    """Prints whole lines, from any thread, with the seconds since the start."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print a line of the demo itself."""
        self._print(text, "bold" if text.startswith("\n──") else None)

    def host_event(self, event: dict[str, Any]) -> None:
        """Print one event of the host's log, if it is worth a line."""
        text = _describe(event)
        if text:
            self.detail(text)

    def detail(self, text: str) -> None:
        """Print what happens meanwhile."""
        self._print(f"   {time.monotonic() - self._started:6.2f} s  {printable(text)}", "dim")

    def _print(self, text: str, style: Style | None) -> None:
        with self._lock:
            show_text(text, style=style, out=self._stream)


def _describe(event: dict[str, Any]) -> str:
    who = event.get("device", "")
    match event.get("event"):
        case "voice":
            parts = ("vad", "asr", "intent", "tts")
            return "voice pipeline: " + ", ".join(f"{part}: {event[part]}" for part in parts if part in event)
        case "connected":
            return f"{who} connects from {event.get('peer')}"
        case "hello":
            return f"{who} says hello: board {event.get('board') or '-'}, {event.get('format')} {event.get('rate')} Hz"
        case "tools":
            return f"{who} offers {event.get('count')} tools"
        case "joined":
            return f"{who} is in room {event.get('room')} as {event.get('role')}"
        case "listen":
            return f"{who} listens ({event.get('mode')})"
        case "heard":
            return f'heard: "{event.get("text")}"'
        case "tool":
            return f"tool {event.get('name')} {event.get('arguments')} → {event.get('result')}"
        case "says":
            return f'says: "{event.get("text")}"'
        case "turn":
            times = [f"{name} {event[f'{stage}_ms']} ms" for stage, name in _STAGES.items() if f"{stage}_ms" in event]
            return f"turn {event.get('outcome')}: {', '.join(times)}"
        case "abort":
            return f"{who} interrupts ({event.get('reason')})"
        case "closed":
            return f"{who} is gone ({event.get('code')} {event.get('reason')})"
        case "refused" | "device_error" | "internal_error" | "task_failed" | "voice_off" | "no_tools":
            return " ".join(f"{name}={value}" for name, value in event.items() if name not in ("time", "session"))
        case "output":
            return str(event.get("text", ""))
        case _:
            return ""
