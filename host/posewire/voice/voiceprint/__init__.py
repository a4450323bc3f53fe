"""Voiceprints: engines make a vector of a voice, which is compared with those of the enrolled people.

May import ``voice.asr`` (it identifies beside recognition), ``voice.providers`` and the ground floor.
"""
