"""The command line of identities."""
