"""The integer core of the pose codec: ``docs/pose-packet.md`` sections 5 to 7, one module for each part.

Written in the subset of Python that runs on plain lists and that numba compiles for int64 arrays: the compiled core
(``compiled.py``) is this very source. Hence loops and index arithmetic instead of numpy, and results written into
arguments. In the loops over values, small steps are written out: without numba a call costs as much as the step.

Imports nothing but its own modules.
"""
