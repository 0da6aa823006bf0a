"""How often the watches of drift cry wolf, and how soon they see one: seeded, in simulation.

Streams of 6,000 values stand for targets. Each kind of stream is one that the router
meets: latencies whose logarithms are normal, the same with a heavy tail, with stalls, and with a
day in them. Then the level rises for good in the middle of a stream, and the values until the
alarm are counted.
"""

import math
import random
from collections.abc import Callable, Iterator
from statistics import median
from types import MappingProxyType

import click

from mcp_router.alerts.drift import REFERENCE, LevelWatch, RateWatch

VALUES = 6_000
PER = 120_000  # values that false alarms are told for: twenty streams of them
RISES = (1.25, 1.5, 2.0)
SHARES = (0.0, 0.02, 0.1)
RATE_RISES = (0.05, 0.1, 0.2)

Source = Callable[[random.Random, int], float]
_SIGMA = 0.4  # of logarithms: p95 is about twice the median, as of completions


def _plain(draw: random.Random, place: int) -> float:
    return draw.lognormvariate(math.log(800), _SIGMA)


def _heavy(draw: random.Random, place: int) -> float:
    """Return a value whose logarithm is of Student's t with three degrees of freedom."""
    chi = sum(draw.gauss(0, 1) ** 2 for _ in range(3)) / 3
    return 800 * math.exp(_SIGMA * draw.gauss(0, 1) / math.sqrt(chi))


def _stalling(draw: random.Random, place: int) -> float:
    """Return a plain value; one in fifty takes eight times as long."""
    return _plain(draw, place) * (8 if draw.random() < 0.02 else 1)


def _daily(draw: random.Random, place: int) -> float:
    """Return a plain value of a target that is a tenth slower at noon: 1,000 values a day."""
    return _plain(draw, place) * (1 + 0.1 * math.sin(2 * math.pi * place / 1000))


SOURCES: MappingProxyType[str, Source] = MappingProxyType(
    {"log-normal": _plain, "heavy tail": _heavy, "stalls": _stalling, "a day in it": _daily}
)


def alarms(values: Iterator[float]) -> int:
    """Return how many alarms a stream without drift makes."""
    watch = LevelWatch()
    return sum(watch.feed(value) is not None for value in values)


def delay(draw: random.Random, source: Source, rise: float) -> int | None:
    """Return after how many values a rise is seen; None for never, or for an alarm before it."""
    watch, start = LevelWatch(), VALUES // 2

    for place in range(VALUES):
        factor = rise if place >= start else 1.0

        if watch.feed(source(draw, place) * factor) is not None:
            return place - start + 1 if place >= start else None

    return None


def rate_alarms(draw: random.Random, share: float) -> int:
    """Return how many alarms a stream of cases makes whose share stays."""
    watch = RateWatch()
    return sum(watch.feed(draw.random() < share) is not None for _ in range(VALUES))


def rate_delay(draw: random.Random, share: float, rise: float) -> int | None:
    """Return after how many cases a rise of the share is seen."""
    watch, start = RateWatch(), VALUES // 2

    for place in range(VALUES):
        if watch.feed(draw.random() < share + (rise if place >= start else 0.0)) is not None:
            return place - start + 1 if place >= start else None

    return None


def rate(wrong: int, streams: int) -> str:
    """Return how many false alarms that is, of as many values as are told for.

    >>> rate(3, 200)
    '0.3'
    """
    return f"{wrong * PER / (streams * VALUES):.1f}"


def told(delays: list[int | None]) -> str:
    """Return the median of what was seen, and the share of streams it was missed in."""
    seen = [one for one in delays if one is not None]
    missed = 1 - len(seen) / len(delays)
    shown = f"{median(seen):.0f}" if seen else "-"
    return f"{shown} ({missed:.1%} missed)" if missed else shown


@click.command(help=__doc__)
@click.option("--seed", default=1, show_default=True, help="Of every stream.")
@click.option("--streams", default=200, show_default=True, help="Of each kind.")
def main(seed: int, streams: int) -> None:
    """Print both tables."""
    print(f"{streams} streams of {VALUES} values each; the first {REFERENCE} teach the level.\n")
    print(f"| latency or cost | false alarms per {PER:,} | +25 % | +50 % | x 2 |")
    print("| --- | --- | --- | --- | --- |")

    for name, source in SOURCES.items():
        draws = [random.Random(f"{seed} {name} {one}") for one in range(streams)]
        wrong = sum(alarms(source(draw, place) for place in range(VALUES)) for draw in draws)
        delays = [told([delay(draw, source, rise) for draw in draws]) for rise in RISES]
        print(f"| {name} | {rate(wrong, streams)} | {' | '.join(delays)} |")

    print(f"\n| fallback rate | false alarms per {PER:,} | +5 points | +10 points | +20 points |")
    print("| --- | --- | --- | --- | --- |")

    for share in SHARES:
        draws = [random.Random(f"{seed} {share} {one}") for one in range(streams)]
        wrong = sum(rate_alarms(draw, share) for draw in draws)
        late = [told([rate_delay(draw, share, rise) for draw in draws]) for rise in RATE_RISES]
        print(f"| {share:.0%} | {rate(wrong, streams)} | {' | '.join(late)} |")


if __name__ == "__main__":
    main()
