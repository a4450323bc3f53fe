"""Layer 2 of the router: one module for each ``type`` of text message, and the table of them in ``catalog.py``.

A handler sees a connection only as a ``Peer``. Users add types of their own by a plug-in (``server/plugins.py``).
"""
