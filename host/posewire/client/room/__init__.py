"""A room that a program is in: its members, what comes from them, and what is sent to them."""
