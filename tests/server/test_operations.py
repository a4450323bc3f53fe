"""Limits of the host."""

from posewire.hub import ConnectionPool
from posewire.server.connection.registry import ConnectionRegistry


def test_connections_are_counted_by_address() -> None:
    registry = ConnectionRegistry(ConnectionPool())
    registry.opened("10.0.0.1")
    registry.opened("10.0.0.1")
    registry.opened("10.0.0.2")
    registry.closed("10.0.0.1")
    assert (registry.at("10.0.0.1"), registry.at("10.0.0.2"), registry.at("10.0.0.3")) == (1, 1, 0)
    assert registry.open == 2
