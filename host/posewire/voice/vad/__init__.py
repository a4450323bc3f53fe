"""Voice activity detection: the detector interface (``base.py``), the detectors, and the ends of utterances.

May import ``voice.providers`` and the ground floor.
"""
