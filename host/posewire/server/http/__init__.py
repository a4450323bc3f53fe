"""The HTTP side of the host's port: routes, endpoints, their limits and the OTA answers for stock devices.

May import the connection registry, state, monitoring and push; nothing in ``server`` imports it but ``host.py``.
"""
