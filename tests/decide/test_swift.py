"""What is built quickly is what the constructors build: the same class, fields and value."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from mcp_router.decide.swift import candidate, factor
from mcp_router.domain.decision import Candidate, Factor

FACTOR = Factor(name="cost", value=0.25, weight=0.5)
CANDIDATE = Candidate(
    target="t",
    pool="p",
    provider="o",
    family="f",
    score=0.125,
    factors=(FACTOR,),
    estimated_microusd=7,
    propensity=0.5,
)


def test_a_factor_is_what_its_constructor_makes() -> None:
    made = factor("cost", 0.25, 0.5)

    assert (type(made), made, hash(made), repr(made)) == (
        Factor,
        FACTOR,
        hash(FACTOR),
        repr(FACTOR),
    )
    assert replace(made, value=1.0) == replace(FACTOR, value=1.0)


def test_a_candidate_is_what_its_constructor_makes() -> None:
    made = candidate("t", "p", "o", "f", 0.125, (FACTOR,), 7, 0.5)

    assert (type(made), made, hash(made), repr(made)) == (
        Candidate,
        CANDIDATE,
        hash(CANDIDATE),
        repr(CANDIDATE),
    )
    assert candidate("t", "p", "o", "f", 0.125, (FACTOR,), 7) == replace(CANDIDATE, propensity=None)


def test_every_field_of_the_values_is_filled() -> None:
    assert [one.name for one in fields(Factor)] == ["name", "value", "weight"]
    assert [one.name for one in fields(Candidate)] == [
        "target",
        "pool",
        "provider",
        "family",
        "score",
        "factors",
        "estimated_microusd",
        "propensity",
    ]


def test_what_is_built_quickly_is_frozen_as_well() -> None:
    made = factor("cost", 0.25, 0.5)

    with pytest.raises(FrozenInstanceError):
        made.value = 1.0  # type: ignore[misc]  # what the test is about
