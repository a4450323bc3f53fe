"""The simulated board: the real firmware in a real MicroPython process, with simulated hardware underneath."""
