"""Commands: sentences files become intents, texts are matched with them, actions and tools are run, replies are filled.

May import ``voice.conversation``, ``voice.emotions``, ``voice.tools`` and the ground floor.
"""
