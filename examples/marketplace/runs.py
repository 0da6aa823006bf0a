"""Plays whole days, each in a process of its own where there are two."""

import gc
import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from examples.marketplace.assumptions import load_assumptions
from examples.marketplace.figures import Figures, OutageFigures, figures_of, outage_of
from examples.marketplace.simulate import Side, play
from examples.marketplace.workload import make_day


def run_both(requests: int, seed: int) -> tuple[Figures, Figures]:
    """Return the figures of the day before routing and of the same day after."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        before = processes.submit(run_side, Side.BEFORE, requests, seed)
        after = processes.submit(run_side, Side.AFTER, requests, seed)
        return before.result(), after.result()


def run_side(side: Side, requests: int, seed: int) -> Figures:
    """Return the figures of one side's day."""
    _prepare()
    assumptions = load_assumptions()
    day = make_day(assumptions, requests=requests, seed=seed)
    return figures_of(play(side, day, assumptions, seed=seed))


def run_outage(requests: int, seed: int) -> tuple[Figures, OutageFigures]:
    """Return the figures of a day with one long outage, and of the outage."""
    _prepare()
    assumptions = load_assumptions()
    day = make_day(assumptions, requests=requests, seed=seed)
    played = play(Side.AFTER, day, assumptions, seed=seed, outage=assumptions.outage)
    return figures_of(played), outage_of(played, assumptions.outage)


def _prepare() -> None:
    """Make this process one that plays a day and ends.

    The breakers' words are what this is about, and not news; the collector, which finds little in
    so short a life, would take a tenth of the time.
    """
    logging.disable(logging.WARNING)
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
