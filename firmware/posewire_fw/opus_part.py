"""Lets the microphone send Opus, and makes the encoder when a session wants it. Not on chips with little memory."""

from micropython import const

from posewire_fw import memory

# Bytes of heap and of the chip's own memory: what is loaded, with what must be left for messages and sockets. Machine
# code is never given back, and a heap that grows takes what the network needs: so it is looked at before.
_HEAP = const(21800)
_CHIP = const(34800)
# Below this much of what is sent is sent again.
_WEAK_DBM = const(-75)


def allow_opus(app):
    """At the end of the start."""
    audio = app.config["audio"]
    made = []

    def make_opus():
        if made:
            return made[0]
        if not memory.has_room(_HEAP, _CHIP):
            app.leave_out("opus", "it needs %d bytes of heap and %d of the chip's memory" % (_HEAP, _CHIP))
            return None
        try:
            from posewire_fw.opus_encoder import OpusEncoder

            made.append(OpusEncoder(audio["opus_bitrate"], audio["frame_ms"]))
        except (ImportError, MemoryError) as exc:
            app.leave_out("opus", "%s: %s" % (type(exc).__name__, exc))
            return None
        return made[0]

    def opus_is_best():
        rssi = app.wifi.rssi()
        return audio["format"] == "opus" or (rssi is not None and rssi < _WEAK_DBM)

    app.mic.make_opus = make_opus
    app.mic.opus_is_best = opus_is_best
