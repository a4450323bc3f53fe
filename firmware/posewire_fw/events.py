"""The events of the board, for user code: on(name, fn), then fn(value) at each emit(name, value)."""

from posewire_fw import log

NAMES = (
    "state", "stt", "tool", "emotion", "sentence", "connected", "disconnected", "alert", "pairing",
    "pose", "pose_held", "pose_lost",
)  # fmt: skip


class Events:
    def __init__(self):
        self._listeners = {}

    def on(self, name, fn):
        if name not in NAMES:
            raise ValueError("no such event: %s" % name)
        self._listeners.setdefault(name, []).append(fn)

    def emit(self, name, value=None):
        """Call the listeners. An error in one is logged and does not reach the caller or the other listeners."""
        for fn in self._listeners.get(name, ()):
            # A try makes a large frame, taken from the heap and given back: only where somebody listens.
            _call(fn, name, value)


def _call(fn, name, value):
    try:
        fn(value)
    except Exception as exc:
        log.exception("events", "a listener of %s failed" % name, exc)


# The board's own. It is made before everything else, so that whoever watches the board can listen from the start.
board = Events()
