"""Bytes and messages of the wire. No I/O, and nothing imported from the rest of the host (``docs/wire.md``)."""
