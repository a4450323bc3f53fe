"""Language models: the interface (``base.py``), the engines, prompt, history, tool calls and the dialogue.

May import ``voice.commands``, ``voice.conversation``, ``voice.protocols``, ``voice.providers``, ``voice.tools`` and the
ground floor.
"""
