"""``posewire bench voice``: the accuracy and the speed of the voice pipeline, and what it leaves behind.

Imports the voice package and the stand-ins of ``bench``, nothing of the server.
"""
