from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from mcp_router.cli.summary import (
    Figures,
    IntentFigures,
    Outcome,
    PoolFigures,
    Report,
    Summary,
)
from mcp_router.cli.summary_show import show_report
from mcp_router.domain.percentile import percentile

ANSWERED = Outcome(
    line=1,
    decision_id="dec_1",
    intent="password_reset",
    pool="cost",
    model="nano",
    cost_microusd=20,
    latency_ms=40,
    fell_back=False,
    error=None,
)
FAILED = replace(ANSWERED, model=None, cost_microusd=4, latency_ms=9000, error="targets_exhausted")
REFUSED = replace(FAILED, pool=None, intent=None, cost_microusd=0, error="invalid_arguments")


def figures(
    questions: int,
    answered: int,
    cost_usd: float,
    per_1000: float | None,
    latencies: tuple[int, int] | None,
    fallbacks: int,
) -> Figures:
    p50, p95 = latencies or (None, None)
    return Figures(
        questions=questions,
        answered=answered,
        cost_usd=cost_usd,
        cost_per_1000_usd=per_1000,
        p50_ms=p50,
        p95_ms=p95,
        fallbacks=fallbacks,
        errors=questions - answered,
    )


def summed() -> Summary:
    summary = Summary()
    summary.blank_lines = 2

    for outcome in (
        REFUSED,
        replace(ANSWERED, pool="quality", intent=None, cost_microusd=3000, latency_ms=1200),
        ANSWERED,
        replace(ANSWERED, latency_ms=60, fell_back=True),
        FAILED,
    ):
        summary.add(outcome)

    return summary


def test_pools_and_intents_are_summed_up_largest_first() -> None:
    cost = figures(3, 2, 0.000044, 0.022, (40, 60), 1)
    quality = figures(1, 1, 0.003, 3.0, (1200, 1200), 0)
    refused = figures(1, 0, 0.0, None, None, 0)

    assert summed().report(seconds=2.5, stopped=None) == Report(
        figures=figures(5, 3, 0.003044, 1.014667, (60, 1200), 1),
        pools=(
            PoolFigures(
                pool="cost",
                figures=cost,
                intents=(IntentFigures(intent="password_reset", figures=cost),),
            ),
            PoolFigures(
                pool=None,
                figures=refused,
                intents=(IntentFigures(intent=None, figures=refused),),
            ),
            PoolFigures(
                pool="quality",
                figures=quality,
                intents=(IntentFigures(intent=None, figures=quality),),
            ),
        ),
        errors_by_code={"invalid_arguments": 1, "targets_exhausted": 1},
        blank_lines=2,
        seconds=2.5,
        questions_per_second=2.0,
        stopped=None,
    )


def test_nothing_has_no_rate_and_no_latency() -> None:
    report = Summary().report(seconds=0.0, stopped="interrupted")

    assert report.figures == figures(0, 0, 0.0, None, None, 0)
    assert (report.questions_per_second, report.pools) == (0.0, ())


@pytest.mark.parametrize(
    ("latencies", "percent", "expected"),
    [
        ([7], 50, 7),
        ([1, 2], 50, 1),
        ([1, 2, 3], 50, 2),
        (list(range(1, 101)), 95, 95),
        (list(range(1, 21)), 95, 19),
        ([5] * 99 + [900], 95, 5),
        ([5] * 94 + [900] * 6, 95, 900),
    ],
)
def test_percentiles_are_values_that_occurred(
    latencies: list[int], percent: int, expected: int
) -> None:
    assert percentile({one: latencies.count(one) for one in latencies}, percent) == expected


def shown(report: Report) -> list[str]:
    console = Console(width=120, record=True, file=StringIO(), highlight=False, markup=False)
    show_report(console, report)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_the_table_shows_pools_intents_errors_and_the_rate() -> None:
    assert shown(summed().report(seconds=2.5, stopped="interrupted")) == [
        "pool and intent      questions   share  $ per 1,000     p50     p95  fallbacks  errors",
        "cost                         3   60.0%       0.0220   40 ms   60 ms          1       1",
        "  password_reset             3   60.0%       0.0220   40 ms   60 ms          1       1",
        "(no pool)                    1   20.0%                                               1",
        "  (none recognised)          1   20.0%                                               1",
        "quality                      1   20.0%       3.0000  1.20 s  1.20 s",
        "  (none recognised)          1   20.0%       3.0000  1.20 s  1.20 s",
        "all                          5  100.0%       1.0147   60 ms  1.20 s          1       2",
        "",
        "error              questions",
        "invalid_arguments          1",
        "targets_exhausted          1",
        "explain_decision and `mcp-router audit export` have each one's attempts.",
        "",
        "5 questions in 2.5 s: 2.0 questions per second, $0.003044 in all",
        "2 blank lines skipped",
        "stopped early: interrupted",
    ]


def test_a_batch_without_errors_has_no_table_of_them() -> None:
    summary = Summary()
    summary.add(ANSWERED)

    assert shown(summary.report(seconds=0.5, stopped=None)) == [
        "pool and intent   questions   share  $ per 1,000    p50    p95  fallbacks  errors",
        "cost                      1  100.0%       0.0200  40 ms  40 ms",
        "  password_reset          1  100.0%       0.0200  40 ms  40 ms",
        "all                       1  100.0%       0.0200  40 ms  40 ms",
        "",
        "1 question in 0.5 s: 2.0 questions per second, $0.000020 in all",
    ]
