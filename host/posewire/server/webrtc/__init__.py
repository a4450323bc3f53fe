"""Data channels of WebRTC beside the WebSockets of programs and pages (extra ``webrtc``: aiortc)."""
