"""Protocols that several engines speak: Wyoming, and OpenAI-compatible HTTP.

May import the ground floor only.
"""
