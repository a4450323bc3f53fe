"""The desktop side of a room: a socket, pose senders and receivers."""
