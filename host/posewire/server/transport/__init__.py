"""Bytes in and out: the listening socket, TLS, telling WebSocket from HTTP, the WebSocket itself, mDNS.

May import wire and the ground floor; knows no message and no room.
"""
