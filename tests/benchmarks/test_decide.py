"""The benchmark of deciding measures what it says; how long that takes is no test's business."""

import json
import sys

import pytest

from benchmarks.decide import (
    DECIDE,
    REFERENCE,
    WHOLE,
    Figure,
    aims,
    main,
    measure,
    policy,
    questions,
    targets,
    work,
)
from benchmarks.reference_loop import reference_loop
from mcp_router.domain.decision import Decision


def test_the_policy_has_fifty_rules_and_every_decision_ranks_twenty_targets() -> None:
    assert len(policy().rules) == 50
    assert len(targets()) == 20
    decide = work()[DECIDE]
    decisions = [decide() for _ in questions()]

    for decision in decisions:
        assert isinstance(decision, Decision)
        assert len(decision.candidates) == 20

    rules = {one.rule for one in decisions if isinstance(one, Decision)}
    assert len(rules) > 8


def test_the_reference_loop_always_does_the_same() -> None:
    assert reference_loop() == reference_loop() == 142


def test_a_short_run_has_all_figures() -> None:
    figures = measure(rounds=1, calls=20)

    assert [one.name for one in figures] == [REFERENCE, DECIDE, WHOLE]
    assert figures[0].ratio == 1.0
    assert all(0 < one.p50_us <= one.p99_us for one in figures)


def test_an_aim_is_met_or_missed() -> None:
    figures = [
        Figure(name=REFERENCE, p50_us=30.0, p99_us=40.0, ratio=1.0),
        Figure(name=DECIDE, p50_us=50.0, p99_us=250.1, ratio=1.7),
        Figure(name=WHOLE, p50_us=299.0, p99_us=400.0, ratio=9.9),
    ]

    assert [(one.what, one.met) for one in aims(figures)] == [
        ("decide, p50", True),
        ("decide, p99", False),
        ("signals + decide, p50", True),
    ]


def test_the_command_prints_a_table_or_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["decide", "--rounds", "1", "--calls", "10"])
    main()
    assert "p50 / reference" in capsys.readouterr().out

    monkeypatch.setattr(sys, "argv", ["decide", "--rounds", "1", "--calls", "10", "--json"])
    main()
    assert set(json.loads(capsys.readouterr().out)) == {"figures", "aims"}
