"""Voice activity detection: the detector interface (``base.py``), the detectors, and the end of an utterance.

May import the ground floor only.
"""
