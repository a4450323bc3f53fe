"""What the host does by Posewire's own commands in processes of their own: recordings, exports, simulated boards.

May import rooms, identity, store and what lies below; no connection.
"""
