"""A Jitsi deployment for the tests: a real Prosody, and stand-ins for the focus and the video bridge.

The two are not in Debian. Their stand-ins, processes of their own that can be killed, do what is known of them: the
focus (jicofo) answers who asks for a conference, looks what participants can do and invites them; the bridge
(jitsi-videobridge) has ICE with each of them, controlling, and relays messages between their WebSockets. No media.
"""
