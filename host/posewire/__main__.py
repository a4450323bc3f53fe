"""``posewire`` and ``python -m posewire``: the command line, from the first import on ended in order by Ctrl-C."""

import os
import sys

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it (128 and the signal's number)."""

OUTPUT_CLOSED = 141
"""The exit status when the reader of the output is gone, as of ``posewire tools | head -1``."""


def main() -> int:
    """Run the command line and return the exit status."""
    try:
        # Imported here: Ctrl-C while this goes on is no error either.
        from posewire.cli import main as run

        try:
            return run()
        finally:
            # --help ends with SystemExit, and what it wrote is in the buffer still.
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # What is still in the buffer would fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OUTPUT_CLOSED


if __name__ == "__main__":
    sys.exit(main())
