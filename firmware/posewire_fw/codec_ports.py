"""The I2S ports of a board whose microphone and speaker hang on one codec: the codec follows the port's direction."""

from micropython import const

# Of one word on the wire: the microphone's driver always moves 32 bits, the speaker's 16.
_MICROPHONE_BITS = const(32)
_SPEAKER_BITS = const(16)


class CodecPorts:
    """board opens the ports; codec has start(bits). Both functions raise OSError when the codec does not answer."""

    def __init__(self, board, codec):
        self._board = board
        self._codec = codec

    def open_microphone(self, rate):
        """The amplifier goes off: it would make the switching audible."""
        self._board.amplifier(False)
        return self._started(self._board.open_microphone(rate), _MICROPHONE_BITS)

    def open_speaker(self, rate):
        port = self._started(self._board.open_speaker(rate), _SPEAKER_BITS)
        self._board.amplifier(True)
        return port

    def _started(self, port, bits):
        # After the port: the codec makes its clock from the port's.
        try:
            self._codec.start(bits)
        except OSError:
            port.deinit()
            raise
        return port
