"""Helper functions and stand-ins that several tests share. One file for each job; nothing here is a test."""
