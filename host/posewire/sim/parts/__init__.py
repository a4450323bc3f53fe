"""The parts of a simulated board, as a Python program handles them: sensors, outputs, audio, flash, Wi-Fi.

May import wire and what lies below; the simulated modules of the chip are in ``sim/micropython``.
"""
