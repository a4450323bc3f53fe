"""Posewire firmware: a voice-and-motion node on one WebSocket."""

__version__ = "0.1.0"
