"""Helpers of the firmware's tests on both interpreters: vectors, random numbers, an assertion about exceptions."""

import json

_TESTS = __file__.rsplit("/", 2)[0]


def vectors(name):
    """Load tests/vectors/<name>."""
    with open(_TESTS + "/vectors/" + name) as file:
        return json.load(file)


def raises(kind, function, *args):
    """Call; return the exception of the wanted kind that it raises."""
    try:
        function(*args)
    except kind as exc:
        return exc
    raise AssertionError("%s was not raised" % kind.__name__)


class Random:
    """The same numbers on every interpreter (a 31-bit linear congruential generator)."""

    def __init__(self, seed):
        self._state = seed

    def below(self, limit):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) * limit >> 23

    def bytes(self, count):
        return bytes([self.below(256) for _ in range(count)])
