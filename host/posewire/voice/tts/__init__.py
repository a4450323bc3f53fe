"""Speech synthesis: the engine interface (``base.py``), the engines, and the synthesis of sentences at one loudness.

May import ``voice.protocols``, ``voice.providers`` and the ground floor.
"""
