"""ntptime as documented, the same on a chip: asks ``host`` once (SNTP, RFC 5905 section 14), waits ``timeout`` seconds.

It believes what it gets: neither who answers nor stratum or leap indicator are looked at.
"""

import socket
from struct import unpack_from
from time import gmtime

import machine

host = "pool.ntp.org"
timeout = 1

_PORT = 123
_PACKET = 48
# Leap indicator 0, version 4, mode 3 (client).
_ASK = 0x23
_TRANSMITTED = 40

# NTP counts from 1900 and wraps in 2036: what lies before 2024 is of the next era.
_FROM_1900_TO_2000 = 3155673600
_OLDEST = 3913056000


def time():
    """Seconds since 2000, as time.time() has them; OSError without an answer, ValueError for half of one."""
    query = bytearray(_PACKET)
    query[0] = _ASK
    address = socket.getaddrinfo(host, _PORT)[0][-1]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.settimeout(timeout)
        sock.sendto(query, address)
        answer = sock.recv(_PACKET)
    finally:
        sock.close()
    seconds = unpack_from("!I", answer, _TRANSMITTED)[0]
    if seconds < _OLDEST:
        seconds += 1 << 32
    return seconds - _FROM_1900_TO_2000


def settime():
    """Set the chip's clock, in UTC."""
    year, month, day, hour, minute, second, weekday, _ = gmtime(time())
    machine.RTC().datetime((year, month, day, weekday + 1, hour, minute, second, 0))
