"""The tools of one device: those that it lists over its connection, and its legacy IoT things as tools.

May import voice's tools and wire; knows nothing of the connection but how to send a message.
"""
