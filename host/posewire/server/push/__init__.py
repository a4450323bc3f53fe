"""Server push: turns that the host begins on a device: announcements, timers, another device's call, events.

May import voice, store and the connection registry; knows a connection only as a ``Peer``.
"""
