#!/usr/bin/env python3
"""Make the courses of networks in tests/data/network: synthetic ones, by a model; nothing in them was recorded.

A network is in one of a few states, each for a random time (exponential, with a mean), and goes on to one of the states
that may follow. A state has a median bandwidth; every half second the bandwidth is that, times a factor whose logarithm
is a Gauss-Markov process (half of it is kept from one half second to the next), as shadowing is usually modelled. Its
latency and jitter are the state's, and grow as the bandwidth falls below the median: what others send waits, too. TCP
shows lost packets as delay, so loss is not a column.

usage: tools/make_network_courses.py [FOLDER]
"""

import csv
import random
import sys
from dataclasses import dataclass
from math import exp
from pathlib import Path

EVERY, SECONDS = 0.5, 60.0
KEPT = 0.5


@dataclass(frozen=True)
class State:
    """One condition of a network. ``seconds``: how long it lasts, on average; ``spread``: of the logarithm."""

    kbit_s: float
    spread: float
    latency_ms: float
    jitter_ms: float
    seconds: float
    then: tuple[str, ...]


COURSES = {
    # From the access point's room through walls to where it hardly reaches, and back.
    "walk-through-a-house": {
        "near": State(2000, 0.4, 4, 2, 10, ("wall",)),
        "wall": State(150, 0.6, 15, 10, 7, ("far", "near")),
        "far": State(9, 0.5, 60, 40, 8, ("wall",)),
    },
    # Cells with good and bad places between them, and tunnels.
    "train": {
        "cell": State(800, 0.5, 40, 15, 9, ("edge",)),
        "edge": State(40, 0.7, 90, 40, 5, ("cell", "tunnel")),
        "tunnel": State(4, 0.4, 200, 80, 5, ("edge",)),
    },
    # A network that many share: hardly ever free, never gone.
    "full-cafe": {
        "lull": State(300, 0.6, 15, 20, 6, ("busy",)),
        "busy": State(30, 0.7, 50, 50, 8, ("lull", "rush")),
        "rush": State(8, 0.5, 120, 60, 5, ("busy",)),
    },
}


def course(name: str) -> list[dict[str, float]]:
    """Return the rows of a course: the same ones each time."""
    chance, states = random.Random(f"{name} 2"), COURSES[name]
    now, shade, rows = next(iter(states)), 0.0, []
    left = chance.expovariate(1 / states[now].seconds)
    for step in range(round(SECONDS / EVERY)):
        state = states[now]
        shade = KEPT * shade + (1 - KEPT**2) ** 0.5 * chance.gauss(0, 1)
        factor = exp(state.spread * shade)
        slower = min(3.0, max(1.0, 1 / factor))
        rows.append(
            {
                "at": step * EVERY,
                "kbit_s": max(1, round(state.kbit_s * factor)),
                "latency_ms": round(state.latency_ms * slower),
                "jitter_ms": round(state.jitter_ms * slower),
            }
        )
        left -= EVERY
        if left <= 0:
            now = chance.choice(state.then)
            left = max(2 * EVERY, chance.expovariate(1 / states[now].seconds))
    return rows


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "tests" / "data" / "network"
    for name in COURSES:
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, ("at", "kbit_s", "latency_ms", "jitter_ms"), lineterminator="\n")
            writer.writeheader()
            writer.writerows(course(name))


if __name__ == "__main__":
    main()
