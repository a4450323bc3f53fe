"""State that outlives a connection: shared states, conversation memory, enrolled voices, reports of boards.

May import store, hub, rooms and voice; knows no connection.
"""
