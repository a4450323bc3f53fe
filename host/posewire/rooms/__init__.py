"""Rooms: members who publish and subscribe to pose and audio. Knows nothing of WebSockets."""
