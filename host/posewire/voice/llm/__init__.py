"""Language models: the engine interface (``base.py``), the engines, prompt, history and the dialogue.

May import ``voice.protocols``, ``voice.tools`` and the ground floor.
"""
