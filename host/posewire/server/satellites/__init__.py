"""Boards as Wyoming satellites: Home Assistant's own pipeline hears and speaks through them.

May import voice, store and a ``Peer``; connections know only ``VoiceTurns``, which the turns here implement.
"""
