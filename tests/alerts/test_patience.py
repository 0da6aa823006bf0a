"""How long an alert waits between two tries, and when it is given up."""

import random

import pytest

from mcp_router.alerts.patience import GIVEN_UP_MS, LONGEST_MS, pause_ms


@pytest.mark.parametrize(
    ("attempts", "expected_s"), [(1, 5), (2, 10), (3, 20), (10, 2560), (16, 86_400), (99, 86_400)]
)
def test_the_bound_doubles_from_five_seconds_to_a_day(attempts: int, expected_s: int) -> None:
    assert pause_ms(attempts=attempts, age_ms=0, draw=1.0) == expected_s * 1000


def test_the_jitter_is_full_but_never_hammers() -> None:
    assert pause_ms(attempts=4, age_ms=0, draw=0.25) == 10_000
    assert pause_ms(attempts=4, age_ms=0, draw=0.0) == 1_000


def test_what_a_receiver_asks_for_is_granted_within_a_day() -> None:
    assert pause_ms(attempts=1, age_ms=0, draw=0.5, retry_after_s=30) == 30_000
    assert pause_ms(attempts=1, age_ms=0, draw=0.5, retry_after_s=1) == 2_500
    assert pause_ms(attempts=1, age_ms=0, draw=0.5, retry_after_s=1e12) == LONGEST_MS


def test_the_last_try_is_after_three_days() -> None:
    assert pause_ms(attempts=20, age_ms=GIVEN_UP_MS - 7_000, draw=1.0) == 7_000
    assert pause_ms(attempts=20, age_ms=GIVEN_UP_MS, draw=1.0) is None


@pytest.mark.parametrize("seed", range(20))
def test_a_receiver_that_never_answers_is_given_up_after_three_days(seed: int) -> None:
    draws, age_ms, attempts = random.Random(seed), 0, 1

    while (pause := pause_ms(attempts=attempts, age_ms=age_ms, draw=draws.random())) is not None:
        age_ms += pause
        attempts += 1

    assert age_ms == GIVEN_UP_MS
    assert 10 <= attempts <= 60
