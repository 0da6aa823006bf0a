"""Latencies in a fixed number of buckets: two sketches add up to that of both sets of values.

The buckets grow by a constant factor from 1 ms to 120 s, so that a quantile is wrong by at most
`RELATIVE_ERROR`, however many values there are (the mapping of DDSketch, Masson et al. 2019).
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

RELATIVE_ERROR = 0.05
"""How far a quantile may be from the value of that rank; holds from 1 ms to `HIGHEST_MS`."""

HIGHEST_MS = 120_000
"""What is slower counts as this slow."""

_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)

BUCKETS = 1 + math.ceil(math.log(HIGHEST_MS) / math.log(_GROWTH))
"""How many numbers a sketch is."""

_BOUNDS = tuple(_GROWTH**place for place in range(BUCKETS))

# As far, in relation, from the lower bound of its bucket as from the upper one.
_MIDDLES = (1.0, *(2 * bound / (1 + _GROWTH) for bound in _BOUNDS[1:]))

_NOTHING = (0,) * BUCKETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """How many values fell into each bucket; what took less than 1 ms counts as 1 ms."""

    counts: tuple[int, ...] = _NOTHING

    @property
    def total(self) -> int:
        """Return how many values there are."""
        return sum(self.counts)


EMPTY = Sketch()
"""No value yet."""


def counted(sketch: Sketch, value_ms: float) -> Sketch:
    """Return the sketch with one value more.

    >>> quantile(counted(EMPTY, 1), 0.5)
    1.0
    """
    place = min(bisect_left(_BOUNDS, value_ms), BUCKETS - 1)
    counts = sketch.counts
    return Sketch(counts=(*counts[:place], counts[place] + 1, *counts[place + 1 :]))


def merged(one: Sketch, other: Sketch) -> Sketch:
    """Return the sketch of the values of both; the order of merging never matters."""
    return Sketch(counts=tuple(a + b for a, b in zip(one.counts, other.counts, strict=True)))


def quantile(sketch: Sketch, share: float) -> float | None:
    """Return a value that about `share` (0 to 1) of the values do not exceed; None of no values.

    It is within `RELATIVE_ERROR` of the value whose rank is the first to reach that share.
    """
    up_to = list(accumulate(sketch.counts))
    total = up_to[-1]

    if not total:
        return None

    rank = min(max(1, math.ceil(share * total)), total)
    return min(_MIDDLES[bisect_left(up_to, rank)], float(HIGHEST_MS))


def write_sketch(sketch: Sketch) -> str:
    """Return the sketch as text: place and count of every bucket that is not empty.

    >>> write_sketch(counted(counted(EMPTY, 1), 1))
    '0:2'
    """
    return ",".join(f"{place}:{count}" for place, count in enumerate(sketch.counts) if count)


def read_sketch(text: str) -> Sketch:
    """Return the sketch that `write_sketch` made a text of.

    Raises:
        ValueError: it is none.
    """
    counts = list(_NOTHING)

    for pair in text.split(",") if text else ():
        place, _, count = pair.partition(":")

        if not place.isdecimal() or int(place) >= BUCKETS:
            raise ValueError("no bucket of a sketch")

        counts[int(place)] += int(count)

    return Sketch(counts=tuple(counts))
