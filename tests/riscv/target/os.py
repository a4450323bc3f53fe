"""MicroPython's os with the random numbers that this port leaves out. They are the same in every run."""

from random import getrandbits

from uos import *


def urandom(count):
    return bytes([getrandbits(8) for _ in range(count)])
