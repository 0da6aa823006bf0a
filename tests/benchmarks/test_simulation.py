"""A few thousand schedules of the million: every promise holds, and a seed is the whole story."""

import subprocess
import sys

import pytest

from benchmarks.simulation.world import play
from mcp_router.domain.action import Strategy
from tests.source_tree import CHECKOUT

SCHEDULES = 600  # of each strategy


@pytest.mark.parametrize("strategy", list(Strategy))
def test_every_schedule_keeps_every_promise(strategy: Strategy) -> None:
    verdicts = [play(seed, strategy) for seed in range(1, SCHEDULES + 1)]

    assert [verdict for verdict in verdicts if verdict.check is not None] == []


def test_a_seed_is_one_schedule_down_to_the_last_step() -> None:
    lines: list[list[str]] = [[], []]

    for one in lines:
        for seed in range(1, 40):
            play(seed, trace=one.append)

    assert lines[0] == lines[1]


def test_the_schedules_meet_what_the_ledger_is_there_for() -> None:
    lines: list[str] = []

    for seed in range(1, 400):
        play(seed, trace=lines.append)

    story = "\n".join(lines)
    met = [
        "CRASH",
        "stands still until",
        "hears nothing of its commit",
        "finds the store away",
        "is too late to make it",
        "somebody else changes the object",
        "the wall clock jumps by",
        "person         unknown",
        "answers replayed",
        "answers in_progress",
        "answers outcome_unknown",
        "answers conflict",
        "raises ledger_degraded",
        "succeeded (fence 1) -> expired",
        "refused by desk-0: exists",
        "settled: False",
    ]
    assert [text for text in met if text not in story] == []


def test_the_command_names_the_seed_of_a_broken_promise() -> None:
    command = [sys.executable, "-m", "benchmarks.simulation", "--schedules", "60"]

    whole = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=50)
    cut = subprocess.run(
        [*command, "--mutant", "fence"], cwd=CHECKOUT, capture_output=True, text=True, timeout=50
    )

    assert (whole.returncode, whole.stderr) == (0, "")
    assert "60 schedules" in whole.stdout
    assert cut.returncode == 1
    assert "the fence did not grow with a new owner, or went down; seeds " in cut.stdout
