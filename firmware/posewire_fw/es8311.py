"""The ES8311 codec (microphone and speaker on one I2S port), told what to do by I2C.

It gets no master clock: MicroPython's I2S gives none out. It makes its own from the bit clock instead, so it must know
how many bits a sample has on the wire, which differs between the two directions of MicroPython's I2S. Register numbers
and values: Everest's data sheet and user guide of the ES8311.
"""

import time

from micropython import const

_RESET = const(0x00)
_CLOCK_SOURCE = const(0x01)
_CLOCK_MULTIPLIER = const(0x02)
_DAC_INPUT = const(0x09)
_ADC_OUTPUT = const(0x0A)
_POWER = const(0x0D)
_ADC_POWER = const(0x0E)
_DAC_POWER = const(0x12)
_MICROPHONE = const(0x14)
_ADC_GAIN = const(0x16)
_DAC_MUTE = const(0x31)
_DAC_VOLUME = const(0x32)

_RESET_MS = const(20)
_GAIN_MAX = const(7)

# The codec works at 256 times the sample rate: the multiplier (as in the register) for so many bits a word, of which
# there are two a sample.
_MULTIPLIERS = {16: 3, 32: 2}
# The format of a word, as in the registers.
_WORDS = {16: 3 << 2, 32: 4 << 2}

# Register, value: what does not depend on the clock.
_START = (
    # All clocks on, made from the bit clock.
    (_CLOCK_SOURCE, 0xBF),
    # Oversampling of both directions; dividers: 1, the frame clock 256.
    (0x03, 0x10),
    (0x04, 0x10),
    (0x05, 0x00),
    (0x06, 0x03),
    (0x07, 0x00),
    (0x08, 0xFF),
    # Analogue parts, the microphone's amplifier, both converters, the output driver.
    (_POWER, 0x01),
    (_ADC_POWER, 0x02),
    (_DAC_POWER, 0x00),
    (0x13, 0x10),
    (_MICROPHONE, 0x1A),
    (0x17, 0xC8),
    # No equalisers; no direct current from the microphone.
    (0x1C, 0x6A),
    (0x37, 0x08),
)


class Es8311:
    """start() once the I2S port runs in a direction, and again whenever the direction changes.

    setup: [address, register, value] for other chips on the bus that the sound depends on. Everything here raises
    OSError when the codec does not answer.
    """

    def __init__(self, i2c, address, setup):
        self._i2c = i2c
        self._address = address
        self._setup = setup
        self._volume = 100
        self._gain = 3
        self._bits = 0

    def start(self, bits):
        """Begin, or go on in another direction. bits: of one word on the wire, 16 or 32; a sample is two words."""
        if bits == self._bits:
            return
        if bits not in _WORDS:
            raise ValueError("the codec takes words of 16 or 32 bits, not %d" % bits)
        if not self._bits:
            self._power_on()
        self._write(_CLOCK_MULTIPLIER, _MULTIPLIERS[bits] << 3)
        self._write(_DAC_INPUT, _WORDS[bits])
        self._write(_ADC_OUTPUT, _WORDS[bits])
        self._bits = bits

    def stop(self):
        """Power down; start() begins anew."""
        self._bits = 0
        self._write(_DAC_VOLUME, 0)
        self._write(_ADC_POWER, 0xFF)
        self._write(_DAC_POWER, 0x02)
        self._write(_MICROPHONE, 0x00)
        self._write(_POWER, 0xFA)

    def set_volume(self, percent):
        """0 … 100."""
        self._volume = percent
        if self._bits:
            self._write_volume()

    def set_gain(self, step):
        """Of the microphone: 0 … 7, 6 dB a step."""
        self._gain = min(step, _GAIN_MAX)
        if self._bits:
            self._write(_ADC_GAIN, self._gain)

    def mute(self, on):
        """The speaker."""
        self._write(_DAC_MUTE, 0x60 if on else 0)

    def _power_on(self):
        for address, register, value in self._setup:
            self._i2c.writeto_mem(address, register, bytes([value]))
        self._write(_RESET, 0x1F)
        time.sleep_ms(_RESET_MS)
        self._write(_RESET, 0x00)
        self._write(_RESET, 0x80)
        for register, value in _START:
            self._write(register, value)
        self._write(_ADC_GAIN, self._gain)
        self._write_volume()

    def _write_volume(self):
        self._write(_DAC_VOLUME, self._volume * 255 // 100)

    def _write(self, register, value):
        self._i2c.writeto_mem(self._address, register, bytes([value]))
