"""The score of a command: how well a grammar's words explain an utterance, against free phones.

The grammar decoder always finds the nearest command, even in "the weather is nice today". So a second decoder, free to
follow any phones, runs on the same sound, and a command is accepted only when the score is not below the threshold: its
log-likelihood per 10 ms frame against the free decoder's, less three times the part of the speech that none of its
words covers (the grammar decoder likes to put what does not fit into its noise models).
"""

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from posewire.voice.asr.base import Transcript

_log = logging.getLogger(__name__)

_MIN_COVERAGE = 0.5
"""Part of the speech that the words must cover."""

_UNCOVERED_COST = 3.0
"""Score lost for speech that no word covers: other sentences match a few words well and leave the rest."""

_SCORE_SCALE = 1 << 10
"""The decoders keep log-likelihoods shifted right by ten bits."""


@dataclass(frozen=True)
class Segment:
    """A word or a phone in an utterance; frames of 10 ms, both ends included."""

    word: str
    first: int
    last: int
    log_likelihood: float


def segments_of(found: Iterable[Any]) -> list[Segment]:
    """Return the segments of a decoder's best path."""
    # The score of the whole hypothesis underflows to 0; the segments' do not.
    return [
        Segment(part.word, part.start_frame, part.end_frame, _SCORE_SCALE * math.log(max(part.ascore, 1e-300)))
        for part in found or ()
        if part.end_frame >= part.start_frame >= 0
    ]


def judge(words: list[Segment], phones: list[Segment], threshold: float) -> Transcript:
    """Accept or reject the grammar decoder's words, by the phone decoder's phones in the same frames."""
    spoken = [segment for segment in words if not segment.word.startswith(("<", "[", "(", "+"))]
    if not spoken or not phones:
        return Transcript("", False)
    frames = max(words[-1].last, phones[-1].last) + 1
    score = (_total(words) - _total(phones)) / frames
    covered = np.zeros(frames, bool)
    for segment in spoken:
        covered[segment.first : segment.last + 1] = True
    sounding = np.zeros(frames, bool)
    for segment in phones:
        if segment.word != "SIL" and not segment.word.startswith(("+", "<", "(")):
            sounding[segment.first : segment.last + 1] = True
    coverage = float((covered & sounding).sum() / max(1, sounding.sum()))
    score -= _UNCOVERED_COST * (1 - coverage)
    text = " ".join(segment.word.split("(")[0] for segment in spoken)
    accepted = score >= threshold and coverage >= _MIN_COVERAGE
    _log.debug("%r score %.2f coverage %.2f: %s", text, score, coverage, "accepted" if accepted else "rejected")
    return Transcript(text, accepted, score, coverage)


def _total(segments: Iterable[Segment]) -> float:
    return sum(segment.log_likelihood for segment in segments)
