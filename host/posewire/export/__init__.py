"""Recordings of rooms as files that other programs read."""
