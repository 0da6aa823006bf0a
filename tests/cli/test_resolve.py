"""mcp-router actions resolve: a person decides what no question to the desk can."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from click.testing import Result

from mcp_router.domain.action import Action, ActionState
from mcp_router.storage.store import open_archive, open_store
from tests.cli.running import run, told
from tests.end_to_end.harness import Place
from tests.storage.rows import action

GONE = "another-boot:1:2#call"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    file = tmp_path / "router.yaml"
    file.write_text("storage: sqlite:///router.db\n", encoding="utf-8")
    return Place(file=file)


async def put(place: Place, wanted: Action) -> None:
    store = open_store(place.storage)
    await store.actions.claim(wanted, lambda row, held: row, 30)
    await store.aclose()


def sent(place: Place, *, object_id: str | None = "7") -> None:
    """Leave an action behind that was being sent when its process ended."""
    wanted = action(state=ActionState.SENDING, owner=GONE)
    anyio.run(put, place, replace(wanted, attempts=1, object_id=object_id))


def decide(place: Place, verdict: str, *options: str) -> Result:
    given = ("--as", verdict, "--by", "dana", "--why", "I looked", *options)
    return run("actions", "resolve", "act_1", "--config", place.file, *given)


def row(place: Place) -> Action:
    with open_archive(place.storage) as archive:
        found = archive.action("act_1")

    assert found is not None
    return found


@pytest.mark.parametrize(
    ("verdict", "state"),
    [("applied", ActionState.SUCCEEDED), ("not-applied", ActionState.FAILED)],
)
def test_a_persons_word_is_final_and_kept_with_its_reason(
    place: Place, verdict: str, state: ActionState
) -> None:
    sent(place)

    first = decide(place, verdict)
    second = decide(place, "applied")

    assert (first.exit_code, first.stdout) == (0, f"act_1 {state}\n")
    assert (row(place).state, row(place).decided_by) == (state, "dana: I looked")
    assert second.exit_code == 1
    assert second.stderr.startswith("action_not_open: ")


def test_what_it_made_is_named_where_it_was_for_nothing_before(place: Place) -> None:
    sent(place, object_id=None)

    vague = decide(place, "applied")
    named = decide(place, "applied", "--ref", "4711")

    assert vague.exit_code == 2
    assert "--ref" in vague.stderr
    assert named.exit_code == 0
    made = row(place).ref
    assert made is not None
    assert made.id == "4711"


def test_an_action_that_has_moved_since_the_person_looked_stays_open(place: Place) -> None:
    sent(place)
    shown = told(run("actions", "show", "act_1", "--config", place.file, "--json"))

    late = decide(place, "not-applied", "--fence", "7")
    still = row(place).state
    now = decide(place, "not-applied", "--fence", str(shown["fence"]))

    assert late.exit_code == 1
    assert "has moved since the desk was looked at" in late.stderr
    assert still is ActionState.SENDING
    assert (now.exit_code, row(place).state) == (0, ActionState.FAILED)


def test_an_action_that_nobody_knows_is_told(place: Place) -> None:
    sent(place)

    given = ("--as", "applied", "--by", "d", "--why", "w")
    result = run("actions", "resolve", "act_9", "--config", place.file, *given)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("unknown_action: ")
