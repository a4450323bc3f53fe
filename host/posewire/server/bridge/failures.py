"""Failures of the way to the upstream server: how the board is told, and whether another attempt makes sense."""

import ssl

from websockets.exceptions import InvalidStatus, InvalidURI

from posewire.errors import WireError

OPENING_TIMEOUT = 10.0
"""Seconds for a connection and its hello."""

_PASSING = (408, 425, 429)
"""HTTP statuses of a refusal that is true for a while only."""


class UpstreamError(WireError):
    """The upstream server cannot be reached, refuses, or is gone; the board is told."""

    code = "upstream"


class RefusedError(UpstreamError):
    """The upstream server refuses this board: to ask again at once would bring the same answer."""


def is_final(error: Exception) -> bool:
    """Tell whether the same question would bring the same answer."""
    if isinstance(error, InvalidStatus):
        return 400 <= error.response.status_code < 500 and error.response.status_code not in _PASSING
    return isinstance(error, RefusedError | ValueError | InvalidURI | ssl.SSLCertVerificationError)


def reason_of(error: Exception) -> str:
    """Return why an attempt failed, in words for a log and for the board."""
    if isinstance(error, InvalidStatus):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {OPENING_TIMEOUT:.0f} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted here ({error.verify_message}): "
            "name the file of its authority's certificate in the variable SSL_CERT_FILE"
        )
    return str(error) or type(error).__name__
