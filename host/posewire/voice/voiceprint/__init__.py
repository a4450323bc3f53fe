"""Voiceprints: an engine makes a vector of a voice, and the enrolled voices are compared with it.

May import ``voice.protocols`` and the ground floor.
"""
