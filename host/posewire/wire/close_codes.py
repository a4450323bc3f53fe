"""Close codes of WebSockets: those of RFC 6455 section 7.4.1, one of IANA's registry, and this project's own."""

NORMAL = 1000
"""The conversation is over."""

GOING_AWAY = 1001
"""The host stops, or a browser leaves the page."""

PROTOCOL_ERROR = 1002
"""The peer broke the protocol, or did not say hello."""

UNSUPPORTED_DATA = 1003
"""The two sides have no format in common."""

ABNORMAL = 1006
"""The connection was lost without a close frame. Reported, never sent."""

INVALID_DATA = 1007
"""A text message is not UTF-8."""

POLICY_VIOLATION = 1008
"""The peer is not let in any more, or goes on doing what it was told not to do."""

TOO_LONG = 1009
"""A message has more bytes than the receiver takes."""

INTERNAL_ERROR = 1011
"""The host cannot go on with this connection: its peer gives no sign of life."""

TRY_AGAIN_LATER = 1013
"""The peer is too slow: too much waits to be sent to it (IANA's registry, not in RFC 6455)."""

REPLACED = 4000
"""The same device has connected again (RFC 6455 section 7.4.2: 4000 to 4999 are for private use)."""

IDLE = 4008
"""The peer has sent no message for too long."""
