"""The demo: everything at work on one machine, without hardware."""
