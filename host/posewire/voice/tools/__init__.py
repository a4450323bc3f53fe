"""Tools that a turn can call: a device's own, functions of the host, other servers' (MCP, Home Assistant).

May import the ground floor and ``wire`` only; turns get their tools as the protocol ``ToolSet`` in ``base.py``.
"""
