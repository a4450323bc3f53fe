"""The ways to a host. One so far: a WebSocket."""
