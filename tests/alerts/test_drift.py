"""The watches of drift hold still on a level, and see a rise."""

import math
import random

import pytest

from benchmarks.drift import SOURCES, delay, rate_alarms, rate_delay
from benchmarks.drift import alarms as false_alarms
from mcp_router.alerts.drift import REFERENCE, Drift, LevelWatch, RateWatch


def test_nothing_is_judged_before_the_level_is_known() -> None:
    watch = LevelWatch()

    assert [watch.feed(10.0**n) for n in range(REFERENCE // 2)] == [None] * (REFERENCE // 2)


def test_a_level_without_any_spread_is_still_allowed_a_little() -> None:
    watch = LevelWatch()
    values = [100.0] * (REFERENCE + 500) + [101.0] * 1_000

    assert [watch.feed(value) for value in values if watch.feed(value)] == []


def test_a_rise_is_seen_and_its_level_is_then_the_usual_one() -> None:
    watch = LevelWatch()
    found = [watch.feed(value) for value in [100.0] * 600 + [200.0] * 1_000]
    (drift,) = [one for one in found if one]

    assert drift.values == 16  # each counts three spreads, of which a little is let pass
    assert (round(drift.usual, 6), round(drift.now, 6)) == (100.0, 200.0)


def test_single_values_make_no_alarm_however_large() -> None:
    watch = LevelWatch()
    draw = random.Random(1)
    values = [
        draw.lognormvariate(0, 0.3) * (10_000 if draw.random() < 0.01 else 1) for _ in range(5_000)
    ]

    assert [watch.feed(value) for value in values if watch.feed(value) is not None] == []


def test_a_fall_is_no_alarm() -> None:
    watch = LevelWatch()

    assert {watch.feed(value) for value in [100.0] * 600 + [1.0] * 600} == {None}


def test_a_rate_that_was_never_above_zero_is_seen_to_rise() -> None:
    watch = RateWatch()
    found = [watch.feed(hit) for hit in [False] * 600 + [True] * 20]
    (drift,) = [one for one in found if one]

    assert drift == Drift(usual=0.01, now=1.0, values=7)


def test_a_rate_that_is_always_one_has_nowhere_to_go() -> None:
    watch = RateWatch()

    assert {watch.feed(True) for _ in range(3_000)} == {None}


@pytest.mark.parametrize("name", SOURCES)
def test_the_published_figures_hold_on_a_few_streams(name: str) -> None:
    draws = [random.Random(f"test {name} {n}") for n in range(3)]
    source = SOURCES[name]

    assert sum(false_alarms(source(draw, place) for place in range(6_000)) for draw in draws) == 0
    seen = [delay(draw, source, 2.0) for draw in draws]
    assert all(one is not None and one <= 60 for one in seen)


def test_the_published_figures_of_rates_hold_on_a_few_streams() -> None:
    draws = [random.Random(f"test {n}") for n in range(3)]

    assert [rate_alarms(draw, 0.02) for draw in draws] == [0, 0, 0]
    seen = [rate_delay(draw, 0.02, 0.2) for draw in draws]
    assert all(one is not None and one <= 120 for one in seen)
    assert math.isfinite(sum(one or 0 for one in seen))
