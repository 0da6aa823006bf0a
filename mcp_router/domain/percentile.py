"""Percentiles of counted values."""

from collections.abc import Mapping


def percentile(counts: Mapping[int, int], percent: int) -> int | None:
    """Return the smallest value that at least `percent` of 100 do not exceed (nearest rank).

    >>> percentile({10: 19, 500: 1}, 95), percentile({10: 18, 500: 2}, 95), percentile({}, 50)
    (10, 500, None)
    """
    left = -(-sum(counts.values()) * percent // 100)

    for value in sorted(counts):
        left -= counts[value]

        if left <= 0:
            return value

    return None
