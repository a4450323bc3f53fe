"""The offline voice assistant: speech detection, recognition, intents, device tools, synthesis.

Nothing here knows about connections: a session takes 16 kHz samples and text, and speaks through a ``VoiceOut``.
"""
