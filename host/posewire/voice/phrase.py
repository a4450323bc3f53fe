"""A sentence that is spoken again and again."""

import asyncio
from dataclasses import dataclass, field

from posewire.sound.pcm import Pcm
from posewire.wire.messages import AudioParams


@dataclass(eq=False, slots=True)
class Phrase:
    """The whole audio of a sentence (16 kHz, mono), and what it becomes on the wire, for all who are told it."""

    samples: Pcm
    encoded: "dict[AudioParams, asyncio.Future[list[bytes]]]" = field(default_factory=dict)
    """Its frames in the formats in which it was sent last; kept by whoever encodes."""


Sound = Pcm | Phrase
"""A piece of a sentence that is just being made, or all of one that was made before."""


def samples_of(sound: Sound) -> Pcm:
    """Return the samples of either."""
    return sound.samples if isinstance(sound, Phrase) else sound
