"""Speech recognition: the engine interface (``base.py``), the engines, and the worker processes that run them.

May import ``voice.commands`` (the sentences make the grammar), ``voice.protocols``, ``voice.providers`` and the ground
floor.
"""
