"""A person decides what the desk cannot say, once and for good."""

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_router.domain.action import Action, ActionState, Ref, Strategy
from mcp_router.errors import ActionNotOpen
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.ledger import LEASE_MS, Ledger
from mcp_router.storage.store import open_archive, open_store
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.stores import MemoryActions
from tests.cli.running import run
from tests.storage.rows import action

REF = Ref(id="4711")
BY = "dana: saw it in the ticket"


class Bench:
    """An action of a caller who may be dead, and the ledger that a person opens."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.dead: set[str] = set()
        self.ledger = Ledger(MemoryActions(), self.clock, lambda owner: owner not in self.dead)

    def wanted(self, caller: str) -> Action:
        now_ms = self.clock.now_ms()
        return action(
            caller, key="key-1", owner=caller, created_ms=now_ms, lease_until_ms=now_ms + LEASE_MS
        )

    async def sending(self) -> Action:
        _, row = await self.ledger.reserve(self.wanted("one"))
        return await self.ledger.sending(
            row, target="zendesk", strategy=Strategy.NONE, precondition=None
        )

    async def unknown(self) -> Action:
        lost = await self.ledger.lost(await self.sending(), "outcome_unknown")
        return await self.ledger.let_go(lost)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("ref", "state"), [(REF, ActionState.SUCCEEDED), (None, ActionState.FAILED)]
)
async def test_a_verdict_settles_an_unknown_action(
    bench: Bench, ref: Ref | None, state: ActionState
) -> None:
    row = await bench.unknown()

    resolved = await bench.ledger.resolve(row, ref=ref, decided_by=BY)

    assert (resolved.state, resolved.ref, resolved.decided_by) == (state, ref, BY)
    assert await bench.ledger.get(row.tenant, row.action_id) == resolved
    admission, met = await bench.ledger.reserve(bench.wanted("two"))
    assert (admission, met) == (Admission.REPLAY, resolved)


async def test_what_a_dead_caller_was_sending_may_be_decided(bench: Bench) -> None:
    row = await bench.sending()
    bench.dead.add("one")

    resolved = await bench.ledger.resolve(row, ref=REF, decided_by=BY)

    assert resolved.state is ActionState.SUCCEEDED


async def test_what_a_call_is_still_at_is_not_decided(bench: Bench) -> None:
    with pytest.raises(ActionNotOpen):
        await bench.ledger.resolve(await bench.sending(), ref=REF, decided_by=BY)


async def test_a_verdict_is_final(bench: Bench) -> None:
    resolved = await bench.ledger.resolve(await bench.unknown(), ref=REF, decided_by=BY)

    with pytest.raises(ActionNotOpen):
        await bench.ledger.resolve(resolved, ref=None, decided_by="erin: did not see it")


async def test_what_was_never_sent_needs_no_verdict(bench: Bench) -> None:
    _, row = await bench.ledger.reserve(bench.wanted("one"))

    with pytest.raises(ActionNotOpen):
        await bench.ledger.resolve(row, ref=None, decided_by=BY)


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
        await store.actions.claim(row, lambda existing: existing)

    await store.aclose()
    return file


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

    assert first is not None
    assert second is not None
    assert (first.ref, first.decided_by) == (Ref(id="101"), "dana: saw it")
    assert (second.ref, second.decided_by) == (None, "dana: saw it")
    assert details[-1] == "dana: saw it"


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
