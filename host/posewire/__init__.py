"""Posewire: voice-and-motion nodes on ESP32 boards, and the host they talk to."""

__version__ = "0.1.0"
