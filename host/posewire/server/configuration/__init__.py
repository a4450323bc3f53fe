"""The configuration of a running host: its file for people, and which settings are taken over without a restart.

May import the settings of the server's parts and what lies below.
"""
