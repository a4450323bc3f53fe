"""A hobby servo on a PWM pin: told where to go in thousandths of its way, and to let go."""

from machine import PWM

_FREQUENCY = 50


class Servo:
    """low_us, high_us: the pulse at both ends of the way; low above high turns it round. rest: where it goes when it is
    told to relax, in thousandths; None: nowhere, its pulses stop, and most servos go limp."""

    def __init__(self, pin, low_us=1000, high_us=2000, rest=None):
        self._pwm = PWM(pin, freq=_FREQUENCY, duty_u16=0)
        self._low = low_us
        self._span = high_us - low_us
        self._rest = rest
        self._pulse = 0

    def move(self, position):
        """Go there: 0 … 1000; what is beyond goes to the end."""
        if position < 0:
            position = 0
        elif position > 1000:
            position = 1000
        self._set(self._low + self._span * position // 1000)

    def relax(self):
        """There is nothing to follow."""
        if self._rest is None:
            self._set(0)
        else:
            self.move(self._rest)

    def _set(self, pulse):
        if pulse != self._pulse:
            self._pulse = pulse
            # In 65536ths of the 20 ms between pulses.
            self._pwm.duty_u16(pulse * 2048 // 625)
