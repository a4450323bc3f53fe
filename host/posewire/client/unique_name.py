"""Names that nobody else has."""

import secrets


def unique_name(kind: str) -> str:
    """Return a device id for a program of that kind: no two have the same."""
    return f"{kind}-{secrets.token_hex(4)}"
