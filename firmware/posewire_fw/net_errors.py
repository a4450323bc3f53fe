"""The meaning of network errors, in words. Loaded when there is one to tell, and forgotten again."""

import errno

# By name, because ports count differently; where a port does not know a name, the number that lwIP has for it.
_NAMES = (
    ("ECONNREFUSED", 111, "nobody answers at that address and port: is the host running?"),
    ("ECONNRESET", 104, "the host broke the connection off"),
    ("ECONNABORTED", 103, "the connection was broken off"),
    ("ENOTCONN", 107, "there is no connection"),
    ("EPIPE", 32, "the host has closed the connection"),
    ("ETIMEDOUT", 110, "no answer in time"),
    ("EHOSTUNREACH", 113, "there is no way to that address"),
    ("ENETUNREACH", 101, "there is no way to that network"),
    ("ENOBUFS", 105, "the network has no memory left"),
    ("ENOMEM", 12, "the chip has no memory left for a connection"),
    ("ENOENT", 2, "there is no such file (host.ca?)"),
)
_LWIP = {116: "ETIMEDOUT", 118: "EHOSTUNREACH", 128: "ENOTCONN"}

# mbedTLS: the codes that connections end with.
_TLS = {
    -0x7280: "the host closed the connection, or does not speak TLS",
    -0x7780: "the host refused the TLS connection: a fatal alert",
    -0x2700: "the host's certificate is not valid: not signed by host.ca, for another name, or the clock is wrong",
    -0x7200: "the host answered something that is not TLS",
    -0x7F00: "no memory for TLS",
    -0x6800: "TLS timed out",
    -0x0050: "the host broke the connection off",
}


def explain(exc):
    """The text of an OSError, as a person would put it, with its number behind."""
    number = exc.args[0] if exc.args else None
    text = str(exc)
    if "addrinfo" in text:
        return "the host's name is not known (DNS): %s" % text
    if not isinstance(number, int) or isinstance(number, bool):
        return text
    if number in (-203, 203):
        return "no memory to look up the host's name (DNS, error %d)" % number
    if number in (-202, 202):
        return "the host's name is not known (DNS, error %d)" % number
    if number in _TLS:
        return "%s (TLS error -0x%04x)" % (_TLS[number], -number)
    if len(exc.args) > 1 and not text.startswith("[Errno"):
        return text
    if len(exc.args) > 1:
        return "%s (error %d)" % (exc.args[1], number)
    name = _LWIP.get(number)
    for known, code, words in _NAMES:
        if number == getattr(errno, known, code) or number == code or name == known:
            return "%s (error %d)" % (words, number)
    return text
