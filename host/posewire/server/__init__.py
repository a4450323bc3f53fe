"""The host's side of a connection: listener, authenticator, registry, ConnectionHandler, router, text handlers."""
