"""Offer each landmark set of a room as a stream of the Lab Streaming Layer, for LabRecorder and what researchers use.

A stream is irregular, of float32, with a label for each channel; its times are free of the network's jitter. Messages
of members are markers. docs/room-bridges.md has more. Needs the extra "lsl".

examples:
  posewire bridge lsl --room studio
"""

import argparse

from posewire.bridges.bridge import add_bridge_arguments, run_bridge
from posewire.bridges.lsl import LslBridge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire bridge lsl``."""
    add_bridge_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Bridge until Ctrl-C."""
    return run_bridge(args, LslBridge())
