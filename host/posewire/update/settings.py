"""Section ``[update]``: the folders that updates come from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UpdateSettings:
    """Section ``[update]``: ``firmware``, a folder with another firmware than this release's; ``images``, a folder with
    firmware images (``*.app-bin``); ``micropython``, a folder with images of MicroPython (``*.bin``) that the page puts
    on new boards; empty: none."""

    firmware: str = ""
    images: str = ""
    micropython: str = ""
