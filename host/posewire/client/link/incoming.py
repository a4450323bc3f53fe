"""What the host sends, read: text messages, plain or compressed, and frames."""

import json
from collections.abc import Callable

from posewire.client.link.dialer import PROTOCOL
from posewire.errors import WireError
from posewire.wire.deflated import inflate
from posewire.wire.frames import Frame, FrameType, parse_frame
from posewire.wire.messages import Message

_LONGEST_TEXT = 1024 * 1024
"""Bytes that a compressed message of the host may unpack to."""


class Incoming:
    """Reads messages. A defect in a handler, or in a message, does not end the reader: ``failed`` is told."""

    def __init__(
        self,
        on_text: Callable[[Message], None],
        on_frame: Callable[[Frame], None],
        failed: Callable[[BaseException, str], None],
    ) -> None:
        self._on_text = on_text
        self._on_frame = on_frame
        self._failed = failed

    def receive(self, message: str | bytes) -> None:
        """Take a message of the host."""
        try:
            if isinstance(message, str):
                self._on_text(_read(message))
                return
            frame = parse_frame(message, PROTOCOL)
            if frame.type == FrameType.DEFLATED:
                self._on_text(_read(inflate(frame.payload, _LONGEST_TEXT)))
            else:
                self._on_frame(frame)
        except Exception as error:
            self._failed(error, "a message of the host")


def _read(text: str | bytes) -> Message:
    try:
        message = json.loads(text)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise WireError("the host sent a text that is not a JSON object", "bad_json")
    return message
