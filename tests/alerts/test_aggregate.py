"""Of many alerts about one thing the first is told at once, then one in five minutes."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.alerts.aggregate import REMEMBERED, WINDOW_MS, judge, merged
from mcp_router.domain.alert import Alert, AlertKind, Judged, Window

ALERT = Alert(alert_id="alr_1", kind=AlertKind.ERROR_BURST, key="k", at_ms=1)
TOLD = Window(key="k", told_ms=100, ids=("alr_0",))


def test_the_first_of_a_key_is_told_at_once() -> None:
    assert judge(None, ALERT, 5) == Judged(
        window=Window(key="k", told_ms=5, ids=("alr_1",)), told=ALERT
    )


def test_what_comes_within_the_window_waits_and_counts() -> None:
    second = replace(ALERT, alert_id="alr_2", count=4)
    first = judge(TOLD, ALERT, 100 + WINDOW_MS - 1)

    assert first == Judged(window=replace(TOLD, waiting=ALERT, ids=("alr_0", "alr_1")))
    assert judge(first.window, second, 101) == Judged(
        window=replace(
            TOLD,
            waiting=replace(second, count=5, also=("alr_1",)),
            ids=("alr_0", "alr_1", "alr_2"),
        )
    )


def test_what_waits_is_told_when_the_window_is_over() -> None:
    waiting = replace(TOLD, waiting=ALERT, ids=("alr_0", "alr_1"))

    assert judge(waiting, None, 99 + WINDOW_MS) == Judged(window=waiting)
    assert judge(waiting, None, 100 + WINDOW_MS) == Judged(
        window=Window(key="k", told_ms=100 + WINDOW_MS, ids=("alr_0", "alr_1")), told=ALERT
    )


def test_a_quiet_key_stays_quiet_and_tells_the_next_one_at_once() -> None:
    later = 100 + WINDOW_MS

    assert judge(TOLD, None, later) == Judged(window=TOLD)
    assert judge(TOLD, ALERT, later).told == ALERT


def test_the_same_alert_again_changes_nothing() -> None:
    window = replace(TOLD, waiting=ALERT, ids=("alr_0", "alr_1"))

    assert judge(window, ALERT, 100 + WINDOW_MS) == Judged(window=window)


def test_a_clock_that_was_set_back_does_not_silence_a_key() -> None:
    assert judge(TOLD, ALERT, 99).told == ALERT


def test_the_newer_of_two_speaks_for_both() -> None:
    newer = replace(ALERT, alert_id="alr_2", at_ms=9)

    assert merged(None, ALERT) == ALERT
    assert merged(ALERT, newer) == replace(newer, count=2, also=("alr_1",))


def test_what_one_replica_has_merged_another_one_does_not_tell_again() -> None:
    second = replace(ALERT, alert_id="alr_2")
    third = replace(ALERT, alert_id="alr_3")
    both = judge(None, merged(ALERT, second), 5)

    assert both.told == replace(second, count=2)
    assert judge(both.window, ALERT, 6) == Judged(window=both.window)
    assert judge(both.window, merged(ALERT, second), 5 + WINDOW_MS) == Judged(window=both.window)

    partly = judge(both.window, merged(merged(third, ALERT), second), 5 + WINDOW_MS)
    assert partly.told == replace(third, count=1)


@pytest.mark.parametrize("many", [2, REMEMBERED, REMEMBERED + 1, 100])
def test_however_many_were_merged_they_are_counted_once(many: int) -> None:
    first = judge(None, ALERT, 5).window
    burst = ALERT

    for number in range(many):
        new = replace(ALERT, alert_id=f"alr_x{number}")
        burst = merged(burst, new) if number else new

    once = judge(first, burst, 6).window

    assert judge(once, burst, 7) == Judged(window=once)
    assert once.waiting is not None
    assert (once.waiting.count, once.waiting.alert_id) == (many, f"alr_x{many - 1}")


def test_only_the_newest_alerts_of_a_key_are_known_by_their_ids() -> None:
    window = judge(None, ALERT, 5).window

    for number in range(100):
        window = judge(window, replace(ALERT, alert_id=f"alr_x{number}"), 6).window

    assert window.ids == tuple(f"alr_x{number}" for number in range(100 - REMEMBERED, 100))
    assert window.waiting is not None
    assert (window.waiting.count, len(window.waiting.also)) == (100, REMEMBERED - 1)


@given(st.lists(st.integers(min_value=0, max_value=WINDOW_MS), max_size=60))
def test_everything_is_told_or_waits_and_never_two_in_one_window(pauses: list[int]) -> None:
    now_ms, window, told = 0, None, list[tuple[int, int]]()

    for number, pause in enumerate(pauses):
        now_ms += pause
        judged = judge(window, replace(ALERT, alert_id=f"alr_{number}"), now_ms)
        window = judged.window

        if judged.told is not None:
            told.append((now_ms, judged.told.count))

    waiting = window.waiting.count if window is not None and window.waiting is not None else 0
    assert sum(count for _, count in told) + waiting == len(pauses)
    times = [at_ms for at_ms, _ in told]
    assert all(after - before >= WINDOW_MS for before, after in itertools.pairwise(times))
