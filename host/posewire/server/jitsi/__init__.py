"""The host as a participant of a Jitsi conference: programs reach it there when they cannot from outside."""
