"""Posewire firmware: a voice-and-motion node on one WebSocket."""

from posewire_fw._version import __version__ as __version__
