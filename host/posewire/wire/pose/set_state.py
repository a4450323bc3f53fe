"""The state of one landmark set in a reference frame (section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from posewire.wire.pose.core.model import Integers
from posewire.wire.pose.sets import LandmarkSet

ALL_KNOWN = 1 << 30


@dataclass(slots=True)
class SetState:
    """One set in a reference frame. Never changed in place, so that a packet which is refused leaves no trace.

    Integers are in the kernel's form: ``x`` of this frame and ``previous`` of the frame before (size of the set),
    ``scale`` and ``weight`` (coded size), ``valid`` for each landmark, 0 or 1.
    """

    spec: LandmarkSet
    coarse: int
    valid: Integers
    x: Integers
    previous: Integers
    scale: Integers
    weight: Integers
    gains: tuple[int, ...]
    complete: bool = False  # every landmark is valid
    known: int = ALL_KNOWN  # landmarks (in coding order) that a decoder which joined without a key knows so far

    @property
    def is_known(self) -> bool:
        """Whether a pose can be shown: every landmark was renewed since the decoder joined."""
        return self.known >= self.spec.landmarks

    @property
    def missing(self) -> Any:
        """A boolean array: the landmarks that are not valid."""
        return np.asarray(self.valid) == 0
