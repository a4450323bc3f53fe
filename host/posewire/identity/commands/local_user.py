"""Who uses the command line."""

import os


def local_user() -> str:
    """Return who uses the command line, for the audit log."""
    return f"command line ({os.environ.get('USER') or os.environ.get('USERNAME') or 'unknown'})"
