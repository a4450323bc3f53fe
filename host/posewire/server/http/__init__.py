"""The HTTP side of the host's port: routes, endpoints, their limits and the OTA answers for stock devices.

May import the connection registry, state, monitoring and push. Of ``server``, only ``host.py``, the listener and the
plug-ins import it.
"""
