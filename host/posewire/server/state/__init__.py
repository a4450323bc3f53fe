"""State that outlives a connection: shared states, conversation memory, voiceprints, reports of boards.

May import store, hub, rooms and voice; knows no connection.
"""
