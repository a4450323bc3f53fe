"""The commands of the shell that record and replay rooms."""
