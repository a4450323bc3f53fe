"""Helper functions and stand-ins that several tests share, one file for each job. Nothing here is a test.

``servers`` are programs on the other side, ``serial`` is a board at a port, ``programs`` finds what must be installed.
"""
