"""Identities: paired devices, issued tokens, JWTs, scopes and the audit log.

May import the store and the ground floor; knows nothing of connections.
"""
