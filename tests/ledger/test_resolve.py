"""A person decides what the desk cannot say, once and for good."""

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_router.domain.action import Action, ActionState, Ref
from mcp_router.errors import ActionNotOpen
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.answer import Answer, kept_answer
from mcp_router.storage.store import open_archive, open_store
from tests.cli.running import run
from tests.ledger.bench import Bench, as_read
from tests.storage.rows import action, record

REF = Ref(id="4711")
BY = "dana: saw it in the ticket"
VERDICTS = [(REF, ActionState.SUCCEEDED), (None, ActionState.FAILED)]


async def open_action(bench: Bench, state: str) -> Action:
    """Return an action that nobody holds and nobody has decided."""
    match state:
        case "sending":
            row = await bench.sending("one")
            bench.dead.add("one")
            return row
        case "unknown":
            return await bench.unknown("one")
        case _:
            return await bench.needs_human("one")


@pytest.mark.parametrize(("ref", "state"), VERDICTS)
@pytest.mark.parametrize("before", ["sending", "unknown", "needs_human"])
async def test_a_verdict_settles_what_nobody_else_can_decide(
    bench: Bench, before: str, ref: Ref | None, state: ActionState
) -> None:
    row = await open_action(bench, before)

    resolved = await bench.ledger.resolve(row, ref=ref, decided_by=BY, event=record())

    assert (resolved.state, resolved.ref, resolved.decided_by) == (state, ref, BY)
    assert (resolved.fence, resolved.owner) == (row.fence + 1, None)
    assert as_read(await bench.row(row)) == as_read(resolved)
    admission, met = await bench.reserve("two")
    assert (admission, as_read(met)) == (Admission.REPLAY, as_read(resolved))


async def test_what_a_verdict_says_is_what_every_replay_says(bench: Bench) -> None:
    row = await bench.unknown("one")
    bench.clock.advance(60)
    resolved = await bench.ledger.resolve(row, ref=REF, decided_by=BY, event=record())

    _, met = await bench.reserve("two")

    assert met.answer_json == resolved.answer_json is not None
    assert kept_answer(met) == Answer(
        target="zendesk", attempts=1, done_ms=bench.clock.now_ms(), ref=REF
    )


@pytest.mark.parametrize("before", ["sending", "unknown"])
async def test_what_a_call_is_still_at_is_not_decided(bench: Bench, before: str) -> None:
    row = await bench.sending("one")

    if before == "unknown":
        row = await bench.ledger.lost(row, "outcome_unknown")

    with pytest.raises(ActionNotOpen):
        await bench.ledger.resolve(row, ref=REF, decided_by=BY, event=record())

    assert as_read(await bench.row(row)) == as_read(row)


@pytest.mark.parametrize("first", [REF, None])
async def test_a_verdict_is_final(bench: Bench, first: Ref | None) -> None:
    row = await bench.unknown("one")
    resolved = await bench.ledger.resolve(row, ref=first, decided_by=BY, event=record())

    for again in (row, resolved):
        with pytest.raises(ActionNotOpen):
            await bench.ledger.resolve(
                again, ref=None, decided_by="erin: did not see it", event=record()
            )

    assert as_read(await bench.row(row)) == as_read(resolved)


async def test_what_was_never_sent_needs_no_verdict(bench: Bench) -> None:
    row = await bench.reserved("one")
    bench.dead.add("one")

    with pytest.raises(ActionNotOpen):
        await bench.ledger.resolve(row, ref=None, decided_by=BY, event=record())


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """A configuration whose ledger holds one unknown reply and one unknown new ticket."""
    storage = f"sqlite:///{tmp_path}/router.db"
    file = tmp_path / "router.yaml"
    file.write_text(f"storage: {storage}\n", encoding="utf-8")
    store = open_store(storage)

    for number, object_id in enumerate(("101", None)):
        row = replace(
            action("one", key=f"key-{number}", owner=None),
            action_id=f"act_{number}",
            object_id=object_id,
            state=ActionState.UNKNOWN,
        )
        await store.actions.claim(replace(row, state=ActionState.SENDING), _as_it_is, 30.0)
        await store.actions.change(replace(row, state=ActionState.SENDING), row)

    await store.aclose()
    return file


def _as_it_is(existing: Action, _: bool) -> Action:
    return existing


def resolve(config: Path, action_id: str, verdict: str, *options: str) -> tuple[int, str]:
    words = ("--as", verdict, "--by", "dana", "--why", "saw it", "--config", str(config))
    result = run("actions", "resolve", action_id, *words, *options)
    return result.exit_code, result.output


def test_the_command_writes_the_verdict_into_the_ledger(config: Path, tmp_path: Path) -> None:
    assert resolve(config, "act_0", "applied") == (0, "act_0 succeeded\n")
    assert resolve(config, "act_1", "not-applied") == (0, "act_1 failed\n")

    with open_archive(f"sqlite:///{tmp_path}/router.db") as archive:
        first, second = archive.action("act_0"), archive.action("act_1")
        details = [event.detail for event in archive.events("act_0")]
        told = [one.record.audit for one in archive.records()]

    assert first is not None
    assert second is not None
    assert (first.ref, first.decided_by) == (Ref(id="101"), "dana: saw it")
    assert (second.ref, second.decided_by) == (None, "dana: saw it")
    assert details[-1] == "dana: saw it"
    assert [(one.action_id, one.state, one.who) for one in told if one] == [
        ("act_0", "applied", "dana"),
        ("act_1", "not-applied", "dana"),
    ]


def test_what_it_made_is_named_where_there_was_nothing_before(config: Path) -> None:
    code, output = resolve(config, "act_1", "applied")
    assert code == 2
    assert "Name what it made with --ref" in output

    assert resolve(config, "act_1", "applied", "--ref", "4712") == (0, "act_1 succeeded\n")


def test_a_wrong_verdict_is_refused_with_a_code(config: Path) -> None:
    code, output = resolve(config, "act_7", "applied")
    assert (code, output.partition(":")[0]) == (1, "unknown_action")

    resolve(config, "act_0", "applied")
    code, output = resolve(config, "act_0", "not-applied")
    assert (code, output.partition(":")[0]) == (1, "action_not_open")
