"""Many schedules, on one core or several: what each promise was broken by."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from multiprocessing import get_context

from benchmarks.simulation.checks import Check, Verdict
from benchmarks.simulation.mutants import MUTANTS, Play, build
from benchmarks.simulation.world import play
from mcp_router.domain.action import Strategy

CHUNK = 2_000
"""How many schedules a process plays before it reports."""

Order = tuple[range, Strategy | None, str | None]


def search(
    seeds: range, strategy: Strategy | None, mutant: str | None, *, processes: int
) -> dict[Check, list[Verdict]]:
    """Play every seed, and return the schedules that broke a promise, by promise."""
    found: defaultdict[Check, list[Verdict]] = defaultdict(list)
    orders = _orders(seeds, strategy, mutant)

    if processes == 1:
        _gather(map(_play_all, orders), found)
    else:
        with get_context("spawn").Pool(processes) as pool:
            _gather(pool.imap(_play_all, orders), found)

    return dict(found)


def player(mutant: str | None) -> Play:
    """Return `play` of the router as it is, or without one of its rules."""
    if mutant is None:
        return play

    return build(next(one for one in MUTANTS if one.name == mutant))


def _orders(seeds: range, strategy: Strategy | None, mutant: str | None) -> Iterator[Order]:
    """Cut the seeds into pieces that one process plays at a time."""
    for start in range(0, len(seeds), CHUNK):
        yield seeds[start : start + CHUNK], strategy, mutant


def _gather(results: Iterable[list[Verdict]], found: defaultdict[Check, list[Verdict]]) -> None:
    """Sort the broken schedules by what they broke."""
    for verdicts in results:
        for verdict in verdicts:
            if verdict.check is not None:
                found[verdict.check].append(verdict)


def _play_all(order: Order) -> list[Verdict]:
    """Play the schedules of some seeds, and return those that broke a promise."""
    seeds, strategy, mutant = order
    chosen = player(mutant)
    verdicts = (chosen(seed, strategy) for seed in seeds)
    return [verdict for verdict in verdicts if verdict.check is not None]
