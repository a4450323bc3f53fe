"""Taking part in a Jitsi conference: what a host and a program say to each other goes through it.

From below: ``xml`` and ``xmpp`` (XMPP over WebSocket), ``muc``, ``disco``, ``focus``, ``jingle`` and ``ice`` (what a
participant has to say), ``bridge_channel`` (messages through the video bridge), ``conference`` (all of it as one
participant), ``stream`` (bytes to one other participant, in order and once), ``pump`` (a socket at such a stream's
end), ``certificate`` (the TLS inside).
"""
