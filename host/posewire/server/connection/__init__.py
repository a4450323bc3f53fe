"""One connection of a device or program: its handler, router, audio both ways, tools, place in a room, resumption.

A connection's state lives in its handler and dies with it. May import rooms, voice, bridge and transport; what others
need of a connection is the ``Peer`` protocol in ``peer.py``.
"""
