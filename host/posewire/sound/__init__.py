"""Samples: levels and conversions of 16-bit PCM, resampling, WAV files.

May import errors only.
"""
