"""The user of the command line."""

import os


def local_user() -> str:
    """Return the name of the user, for the audit log."""
    return f"command line ({os.environ.get('USER') or os.environ.get('USERNAME') or 'unknown'})"
