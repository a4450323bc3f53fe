"""The ways to a host, behind one interface (``base.Transport``)."""
