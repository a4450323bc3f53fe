"""Functions of libopus that only the tests use."""

import ctypes

from posewire.wire.opus import OpusDecoder

_GET_FINAL_RANGE = 4031


class RangeDecoder(OpusDecoder):
    """A decoder that shows the state of its range coder: where it equals the encoder's, both understood the same."""

    def final_range(self) -> int:
        value = ctypes.c_uint32()
        self._lib.opus_decoder_ctl(ctypes.c_void_p(self._state), _GET_FINAL_RANGE, ctypes.byref(value))
        return value.value
