"""Speech synthesis: the engine interface (``base.py``), the engines, and the synthesis of a reply sentence by sentence.

May import ``voice.protocols`` and the ground floor.
"""
