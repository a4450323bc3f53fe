"""The tokens that stock xiaozhi servers make and verify: an HMAC over client, device and time."""

import base64
import hashlib
import hmac
import time

VALID_FOR = 30 * 24 * 3600
"""Seconds for which a token of a stock server is valid, there as here."""

_CLOCKS_DIFFER = 300
_SIGNATURE = 43
"""Characters of an unpadded base64url SHA-256."""


def make_stock_token(key: bytes, device_id: str, client_id: str, now: float | None = None) -> str:
    """Return a token for a device: ``signature.seconds``."""
    seconds = int(time.time() if now is None else now)
    return f"{_sign(key, device_id, client_id, seconds)}.{seconds}"


def looks_like_stock_token(token: str) -> bool:
    """Tell whether a token is of that form."""
    signature, dot, seconds = token.partition(".")
    return bool(dot) and len(signature) == _SIGNATURE and seconds.isascii() and seconds.isdigit() and len(seconds) < 12


def verify_stock_token(
    key: bytes,
    token: str,
    device_id: str,
    client_id: str,
    now: float | None = None,
    valid_for: float | None = VALID_FOR,
) -> int | None:
    """Return when a token was made, in unix seconds; None when it is not this key's, not this device's, or too old.

    A token from the future is refused, where stock servers let it live for ever. ``valid_for``: None where neither
    the age nor the future has a bound.
    """
    if not looks_like_stock_token(token):
        return None
    signature, _, digits = token.partition(".")
    seconds = int(digits)
    # A stock server signs what the device sent, this host the lower case.
    genuine = [
        hmac.compare_digest(signature.encode(), _sign(key, spelt, client_id, seconds).encode())
        for spelt in (device_id, device_id.lower())
    ]
    age = (time.time() if now is None else now) - seconds
    return seconds if any(genuine) and (valid_for is None or -_CLOCKS_DIFFER <= age <= valid_for) else None


def _sign(key: bytes, device_id: str, client_id: str, seconds: int) -> str:
    digest = hmac.digest(key, f"{client_id}|{device_id}|{seconds}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
