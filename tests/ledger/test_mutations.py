"""Each safety rule is there for a reason: without it the simulation finds a broken promise.

A mutant is the router's own source with one rule cut out; nothing is copied. Should a rule's text
move, its cut no longer fits, and the test says so.
"""

import sys

import pytest

from benchmarks.simulation.mutants import CHAIN, MUTANTS, Cut, Mutant, build, first_broken
from benchmarks.simulation.world import play

ENOUGH = 10_000


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_router_without_one_of_its_rules_breaks_a_promise(mutant: Mutant) -> None:
    seeds = range(mutant.start, mutant.start + ENOUGH)

    found = first_broken(build(mutant), seeds, mutant.strategy, mutant.checks)

    assert found is not None, "no schedule notices"
    assert play(found.seed, mutant.strategy).check is None  # the router as it is


def test_the_rules_that_were_agreed_on_are_all_taken_away_once() -> None:
    names = {mutant.name for mutant in MUTANTS}

    assert names >= {
        "fence",
        "sending-after-send",
        "same-stamp",
        "version-after-probe",
        "blind-resend",
        "key-window",
    }


def test_building_a_mutant_leaves_the_router_itself_as_it_was() -> None:
    before = {name: sys.modules[name] for name in CHAIN}

    build(MUTANTS[0])

    assert {name: sys.modules[name] for name in CHAIN} == before


def test_a_cut_that_no_longer_fits_is_an_error() -> None:
    gone = Cut(module=CHAIN[0], text="no such text", instead="")

    with pytest.raises(LookupError):
        build(Mutant(name="gone", cuts=(gone,), checks=frozenset()))
