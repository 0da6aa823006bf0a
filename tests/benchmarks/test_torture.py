"""The proof in short: real servers killed and cut off, judged by the desk's own state."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.torture.account import WRONG
from benchmarks.torture.contest import contest
from benchmarks.torture.databases import Database, SqliteDatabase
from benchmarks.torture.databases_postgres import PostgresDatabase
from benchmarks.torture.plan import ONLY_POSTGRES, Cell, Kind, Situation, Step, plan
from benchmarks.torture.report import as_json, as_text, is_right, struck, tortured
from benchmarks.torture.run import Result, torture
from benchmarks.torture.subjects import Subject

RECOVERIES = {Situation.AFTER_CRASH_BEFORE, Situation.AFTER_CRASH_AFTER}

# A busy machine makes real processes slow, and a slow one proves as much.
pytestmark = pytest.mark.timeout(240)


def sqlite(folder: Path, name: str, shaky: bool) -> Database:
    return SqliteDatabase(folder)


def postgres(folder: Path, name: str, shaky: bool) -> Database:
    return PostgresDatabase(f"short_{name}", shaky=shaky)


def stories(result: Result) -> list[tuple[str, ...]]:
    """Return what happened to each key that went wrong: what a failing test shows."""
    return [
        (one.fate, str(one.account.trial), str(one.row), *one.account.trail)
        for one in result.verdicts
        if one.fate in WRONG
    ]


async def test_nothing_is_done_twice_or_lost_over_sqlite_wherever_the_process_dies() -> None:
    result = await torture(
        faults=56,
        seed=1,
        store="sqlite",
        make_database=sqlite,
        lanes=4,
        subjects=(Subject.CREATE,),
        matrix_share=1.0,
        tell=lambda line: None,
    )

    assert stories(result) == []
    assert is_right(result, ())
    # In a recovery, host and reconciler race for the same steps: which squares there are, and
    # which are struck, is up to the machine.
    walk = {cell for cell in result.cells if cell.situation not in RECOVERIES}
    assert walk <= struck(result)
    assert {cell.situation for cell in struck(result)} == set(Situation)
    assert {one.fate.value for one in result.verdicts} == {"happened once"}


async def test_nothing_is_done_twice_or_lost_over_sqlite_whatever_else_happens() -> None:
    result = await torture(
        faults=24,
        seed=2,
        store="sqlite",
        make_database=sqlite,
        lanes=4,
        subjects=(Subject.REPLY, Subject.SYNC_OLD),
        matrix_share=0.0,
        tell=lambda line: None,
    )

    assert stories(result) == []
    assert {one.account.trial.kind for one in tortured(result)} == set(Kind) - ONLY_POSTGRES
    told = as_json(result, ())
    assert (told["duplicates"], told["lost_silently"], told["denied"]) == (0, 0, 0)
    assert "duplicates     0" in as_text(result, ())


async def test_nothing_is_done_twice_or_lost_over_postgresql() -> None:
    result = await torture(
        faults=30,
        seed=3,
        store="postgresql",
        make_database=postgres,
        lanes=6,
        subjects=(Subject.REPLY,),
        matrix_share=0.3,
        tell=lambda line: None,
    )

    assert stories(result) == []
    assert {one.account.trial.kind for one in tortured(result)} == set(Kind)


async def test_a_program_that_only_tries_again_is_caught() -> None:
    (score,) = await contest(faults=12, seed=1, names=("plain retry",), tell=lambda line: None)

    assert score.duplicates > 0


def test_the_same_seed_is_the_same_plan() -> None:
    step = Step(point="write.before", nth=1)
    steps = {
        (subject, situation): (step,)
        for subject in (Subject.REPLY, Subject.CREATE)
        for situation in Situation
    }
    first = plan(200, 7, steps, postgres=False)

    assert plan(200, 7, steps, postgres=False) == first
    assert plan(200, 8, steps, postgres=False) != first
    assert sorted(trial.number for trial in first) == list(range(200))
    assert {trial.kind for trial in first} == set(Kind) - ONLY_POSTGRES
    assert (
        Counter(trial.cell for trial in first)[
            Cell(subject=Subject.REPLY, situation=Situation.CLEAN, step=step)
        ]
        == 10
    )
