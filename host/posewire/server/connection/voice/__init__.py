"""The voice of one device: its audio both ways, and the voice session that is made when it is first needed.

May import voice, bridge and wire; knows nothing of the connection but what it is given.
"""
