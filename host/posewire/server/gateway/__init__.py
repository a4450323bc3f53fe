"""The Socket.IO gateway: pages and programs that speak Socket.IO are members of rooms (docs/socketio.md).

Each of them is a connection like any other to the rest of the host; only its socket is a stand-in.
"""
