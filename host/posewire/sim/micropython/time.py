"""The built-in time module with a chip's clock: it counts from the year 2000 and can be set, for machine.RTC."""

import utime
from utime import *  # noqa: F403

# The built-in one counts from 1970, and cannot be set.
_YEAR_2000 = 946684800

_ahead = -_YEAR_2000


def time():
    return int(utime.time()) + _ahead


def time_ns():
    return utime.time_ns() + _ahead * 1000000000


def gmtime(seconds=None):
    # The ninth, daylight saving, is not in a chip's.
    return utime.gmtime((time() if seconds is None else int(seconds)) + _YEAR_2000)[:8]


# A chip knows no time zones.
localtime = gmtime


def mktime(moment):
    return (_days(moment[0], moment[1]) + moment[2] - 1) * 86400 + moment[3] * 3600 + moment[4] * 60 + moment[5]


def _days(year, month):
    """From the first of January 2000 to the first of a month."""
    # A year that begins in March ends with the day that not every year has.
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 - 730425


def set_clock(seconds):
    """Not on the chip: what machine.RTC does to its clock; seconds since 2000."""
    global _ahead
    _ahead = seconds - int(utime.time())
