"""Days that begin at the hour of the digest, and what is told of each."""

from mcp_router.alerts.digest import GRACE_MS, DayBook, day_of, digest_of
from mcp_router.alerts.reading import read
from mcp_router.domain.alert import Alert, AlertKind, DayCounts, Fact, KeptDay
from tests.alerts.records import attempt, call, failed

HOUR_MS = 3_600_000
SEVEN_MS = 1_795_244_400_000  # 2026-11-21T07:00:00Z
DAY = day_of(SEVEN_MS, 7)


def test_a_day_begins_at_its_hour() -> None:
    assert day_of(SEVEN_MS - 1, 7) == DAY - 1
    assert day_of(SEVEN_MS + 24 * HOUR_MS - 1, 7) == DAY
    assert day_of(SEVEN_MS, 8) == DAY - 1


def test_a_digest_tells_all_counts_and_its_span() -> None:
    counts = DayCounts(
        calls=10,
        succeeded=7,
        cost_microusd=1_234_567,
        fallbacks=2,
        budget_refusals=1,
        unknown_actions=3,
        policy_changes=4,
    )
    assert digest_of(DAY, 7, counts) == Alert(
        alert_id=digest_of(DAY, 7, DayCounts()).alert_id,
        kind=AlertKind.DAILY_DIGEST,
        key="router.daily_digest 2026-11-21T07:00:00.000Z",
        at_ms=SEVEN_MS + 24 * HOUR_MS,
        facts=(
            Fact(name="since", value="2026-11-21T07:00:00.000Z"),
            Fact(name="until", value="2026-11-22T07:00:00.000Z"),
            Fact(name="calls", value=10),
            Fact(name="succeeded", value=7),
            Fact(name="cost_microusd", value=1_234_567),
            Fact(name="fallbacks", value=2),
            Fact(name="budget_refusals", value=1),
            Fact(name="unknown_actions", value=3),
            Fact(name="policy_changes", value=4),
        ),
    )
    assert digest_of(DAY, 7, counts).alert_id != digest_of(DAY + 1, 7, counts).alert_id


def test_a_book_counts_by_day_and_gives_what_is_new() -> None:
    book = DayBook("prc_1", 7)
    book.open(SEVEN_MS)
    assert book.unsaved() == (KeptDay(day=DAY, process="prc_1", counts=DayCounts()),)

    book.count(read(call(attempt())), SEVEN_MS)
    book.count(read(failed("budget_exceeded")), SEVEN_MS + 1)
    book.count_changes(2, SEVEN_MS + 2)
    rows = book.unsaved()
    counts = DayCounts(calls=2, succeeded=1, cost_microusd=100, budget_refusals=1, policy_changes=2)
    assert rows == (KeptDay(day=DAY, process="prc_1", counts=counts),)

    book.count(read(call(attempt())), SEVEN_MS)
    book.saved(rows)
    assert [row.counts.calls for row in book.unsaved()] == [3]
    book.saved(book.unsaved())
    book.open(SEVEN_MS)
    assert book.unsaved() == ()


def test_a_day_is_over_a_minute_after_its_end() -> None:
    book = DayBook("prc_1", 7)
    book.open(SEVEN_MS)

    assert book.over(SEVEN_MS + 24 * HOUR_MS + GRACE_MS - 1) == DAY
    assert book.over(SEVEN_MS + 24 * HOUR_MS + GRACE_MS) == DAY + 1
    book.forget(DAY + 1)
    assert book.unsaved() == ()
