"""A stranger's program: installs the Opus encoder by mip, and records with the example, with nothing else of ours.

Runs on MicroPython only; test_fw_ogg_opus.py serves the package and plays what comes of it.
"""

import os
import sys

import mip

mip.install(os.getenv("POSEWIRE_TEST_PACKAGE"), target=os.getenv("POSEWIRE_TEST_TARGET"))
sys.path[:0] = [os.getenv("POSEWIRE_TEST_TARGET"), os.getenv("POSEWIRE_TEST_EXAMPLE")]

import main

with open(os.getenv("POSEWIRE_TEST_SAMPLES"), "rb") as microphone:
    main.record(microphone, open(os.getenv("POSEWIRE_TEST_OUTPUT"), "wb"), int(os.getenv("POSEWIRE_TEST_SECONDS")))
print("recorded")
