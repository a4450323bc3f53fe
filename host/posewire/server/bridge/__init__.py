"""The bridge: boards of this host talk to an upstream stock xiaozhi server, which takes only Opus.

May import wire, voice codecs and the ground floor; knows a connection only as a ``Peer``.
"""
