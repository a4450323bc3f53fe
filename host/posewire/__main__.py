"""``posewire`` and ``python -m posewire``: the command line, from the first import on ended in order by Ctrl-C."""

import sys

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it; here, as ``termination`` is not loaded yet."""

OUTPUT_CLOSED = 141
"""The exit status when the reader of the output is gone, as of ``posewire tools | head -1``."""

OUTPUT_LOST = 2
"""The exit status when the output cannot be written, for example because the disk is full."""


def main() -> int:
    """Run the command line and return the exit status."""
    status = 0
    try:
        # Imported here: Ctrl-C while this goes on is no error either.
        from posewire.cli import main as run

        try:
            status = run()
        finally:
            # --help ends with SystemExit, and what it wrote is in the buffer still.
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        from posewire.termination import discard_output

        discard_output(sys.stdout)
        if isinstance(error, BrokenPipeError):
            return OUTPUT_CLOSED
        if not status:  # otherwise it is said already
            from posewire.terminal import warn

            warn(f"the output cannot be written: {error.strerror}")
        return status or OUTPUT_LOST
    return status


if __name__ == "__main__":
    sys.exit(main())
