"""The voice assistant: speech detection, recognition, commands or a language model, tools, synthesis.

It knows no connections: a voice session gets 16 kHz samples and texts, and speaks through a ``VoiceOut``. The modules
here tie the packages together; each package's ``__init__.py`` says which others it may import.
"""
