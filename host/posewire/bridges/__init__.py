"""Room bridges: programs that are members of a room and speak another protocol on their other side."""
