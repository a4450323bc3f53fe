"""Protocols of several engines: Wyoming, and OpenAI-compatible HTTP.

May import the ground floor and ``wire`` only.
"""
