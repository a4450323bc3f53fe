"""Speech recognition: the engine interface (``base.py``), the engines, and the worker processes that run them.

May import ``voice.protocols`` and the ground floor.
"""
