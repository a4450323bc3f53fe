"""Tools that a turn can call: a device's own, functions of the host, those of other servers (MCP, Home Assistant).

May import the ground floor only; a session is given its tools as the protocol in ``base.py``.
"""
