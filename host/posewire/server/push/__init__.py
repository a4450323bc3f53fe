"""Server push: turns that the host begins on a device: announcements, timers, another device's call, events."""
