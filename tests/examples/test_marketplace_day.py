"""The simulated day has the shape that its assumptions give it, and each of them has a source."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from examples.marketplace.assumptions import FILE, Assumptions, load_assumptions, second_of
from examples.marketplace.workload import (
    Kind,
    Request,
    load_questions,
    make_day,
    rate_by_second,
)
from mcp_router.canonical import JsonValue
from mcp_router.policy.source import PolicySource

REQUESTS = 6000
ASSUMPTIONS = load_assumptions()


@pytest.fixture(scope="module")
def day() -> tuple[Request, ...]:
    return tuple(make_day(ASSUMPTIONS, requests=REQUESTS, seed=1))


def share(day: tuple[Request, ...], kind: Kind) -> float:
    return sum(one.kind is kind for one in day) / len(day)


def sourceless(part: JsonValue, place: str) -> list[str]:
    """Return the places of numbers that stand without a source."""
    if not isinstance(part, dict):
        return [place]

    if part.keys() == {"value", "source"}:
        return [] if part["source"] else [place]

    return [one for name, below in part.items() for one in sourceless(below, f"{place}.{name}")]


def test_every_assumption_has_a_source() -> None:
    document = json.loads(FILE.read_text(encoding="utf-8"))
    about, sources = document.pop("about"), document.pop("sources")

    assert about
    assert set(sources) >= {"playbook", "probes", "tables", "uptime"}
    assert sourceless(document, "assumptions") == []


def test_the_rate_of_a_day_holds_its_requests_and_reaches_its_peak() -> None:
    rates = rate_by_second(ASSUMPTIONS.traffic)

    assert sum(rates) == pytest.approx(ASSUMPTIONS.traffic.requests, rel=0.01)
    assert max(rates) == pytest.approx(ASSUMPTIONS.traffic.peak_qps, rel=0.03)
    assert min(rates) > 0


def test_requests_arrive_in_order_and_within_the_day(day: tuple[Request, ...]) -> None:
    arrivals = [one.at_s for one in day]

    assert len(day) == REQUESTS
    assert [one.number for one in day] == list(range(1, REQUESTS + 1))
    assert arrivals == sorted(arrivals)
    assert 0 <= arrivals[0] < arrivals[-1] < 86_401


def test_a_burst_is_dense(day: tuple[Request, ...]) -> None:
    burst = ASSUMPTIONS.traffic.bursts[0]
    starts_s = second_of(burst.at)
    inside = sum(starts_s <= one.at_s < starts_s + burst.seconds for one in day)
    expected = REQUESTS * ASSUMPTIONS.traffic.peak_qps * burst.seconds / 2
    expected /= ASSUMPTIONS.traffic.requests

    assert inside == pytest.approx(expected, rel=0.15)


def test_kinds_come_in_their_shares(day: tuple[Request, ...]) -> None:
    traffic = ASSUMPTIONS.traffic

    assert share(day, Kind.REPEATABLE) == pytest.approx(traffic.repeatable, abs=0.02)
    assert share(day, Kind.CARE) == pytest.approx(traffic.care, abs=0.01)
    assert share(day, Kind.ACTION) == pytest.approx(traffic.actions, abs=0.01)
    assert share(day, Kind.VAGUE) == pytest.approx(traffic.vague, abs=0.01)


def test_repeatable_questions_repeat_and_others_do_not(day: tuple[Request, ...]) -> None:
    faq = load_questions().faq
    wordings = {words for asked in faq.values() for one in asked for words in one}
    repeated = [one for one in day if one.kind is Kind.REPEATABLE]
    cases = [one.text for one in day if one.kind is Kind.CASE]

    as_written = Counter(one.text for one in repeated if one.text in wordings)
    assert as_written.total() > len(repeated) / 3
    assert len({one.text.casefold() for one in repeated}) < len(repeated) / 3
    assert len(set(cases)) > 0.9 * len(cases)


def test_what_is_retrieved_for_a_repeatable_question_is_the_same_for_everybody(
    day: tuple[Request, ...],
) -> None:
    repeated = {one.passages for one in day if one.kind is Kind.REPEATABLE}
    cases = [one.passages for one in day if one.kind is Kind.CASE]

    assert len(repeated) == len(load_questions().faq)
    assert len(set(cases)) == len(cases)


def test_a_seed_is_one_day() -> None:
    def texts(assumptions: Assumptions, seed: int) -> list[tuple[float, str]]:
        return [(one.at_s, one.text) for one in make_day(assumptions, requests=50, seed=seed)]

    more_care = replace(ASSUMPTIONS, traffic=replace(ASSUMPTIONS.traffic, care=0.5))

    assert texts(ASSUMPTIONS, 1) == texts(ASSUMPTIONS, 1)
    assert texts(ASSUMPTIONS, 1) != texts(ASSUMPTIONS, 2)
    assert texts(ASSUMPTIONS, 1) != texts(more_care, 1)


def test_the_repeatable_questions_are_of_intents_that_the_policy_has() -> None:
    policy = PolicySource(None).load("support")
    names = {intent.name for intent in policy.intents}

    assert load_questions().faq.keys() <= names
