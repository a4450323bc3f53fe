"""Giving a board its first settings: Wi-Fi, host, token."""
