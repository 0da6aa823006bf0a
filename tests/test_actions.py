"""The walk of a write: what a host is told, what the record says, what the desk has seen."""

from dataclasses import replace

import anyio
import pytest

from mcp_router.actions import Reader, Wish
from mcp_router.domain.action import ActionState, Outcome, Strategy
from mcp_router.domain.effect import Effect
from mcp_router.domain.ticket import Customer, CustomerQuery
from mcp_router.domain.write import CreateTicket
from mcp_router.errors import (
    DeskUnavailable,
    KeyConflict,
    LedgerDegraded,
    NoTarget,
    NotFound,
    OutcomeUnknown,
    PolicyEdited,
    RouterError,
    StorageUnavailable,
)
from mcp_router.ledger.keys import WINDOW_MS, KeySource
from mcp_router.testing.desks import ScriptedDesk, Step
from tests.decide.examples import policy
from tests.execute.walks import House, wish

CAS = Strategy.CAS_MARKER
CREATE = CreateTicket(subject="Late", body="Where is it?")


def house(*script: Step, strategy: Strategy = CAS) -> House:
    return House(desks=(ScriptedDesk("zendesk", strategy, script),))


async def test_a_write_succeeds_once_and_is_replayed_under_its_key() -> None:
    one = house()

    first = await one.write(one.call(key="k"))
    second = await one.write(one.call(key="k"))

    assert [first.outcome, second.outcome] == [Outcome.SUCCEEDED, Outcome.REPLAYED]
    assert first.action is not None
    assert second.action is not None
    assert second.action.action_id == first.action.action_id
    assert first.answer is not None
    assert second.answer == first.answer
    assert first.answer.ref == first.action.ref is not None
    assert (one.desks[0].sends, len(one.desks[0].effects)) == (1, 1)
    assert [(record.outcome, record.action_id) for record in one.kept.records] == [
        ("succeeded", first.action.action_id),
        ("replayed", first.action.action_id),
    ]
    assert [len(record.attempts) for record in one.kept.records] == [1, 0]


async def test_other_arguments_under_a_key_are_a_conflict() -> None:
    one = house()
    await one.write(one.call(key="k"))

    other = await one.write(one.call(key="k"), wish("In other words."))

    assert other.outcome is Outcome.CONFLICT
    assert isinstance(other.error, KeyConflict)
    assert one.desks[0].sends == 1
    assert (one.record.outcome, one.record.error_code) == ("conflict", "key_conflict")


async def test_a_reworded_write_in_the_same_step_of_a_run_is_a_conflict() -> None:
    one = house()
    first = await one.write(one.call(run_id="r"))

    reworded = await one.write(one.call(run_id="r"), wish("In other words."))
    meant = await one.write(one.call(run_id="r", key="second"), wish("In other words."))

    assert [first.outcome, reworded.outcome, meant.outcome] == [
        Outcome.SUCCEEDED,
        Outcome.CONFLICT,
        Outcome.SUCCEEDED,
    ]
    assert [first.key.source, meant.key.source] == [KeySource.SLOT, KeySource.EXPLICIT]
    assert one.desks[0].sends == 2


async def test_without_key_and_run_the_same_words_are_one_write_for_a_while() -> None:
    one = house()

    outcomes = []

    for wait_ms in (0, WINDOW_MS - 1, 1):
        one.clock.advance(wait_ms / 1000)
        outcomes.append((await one.write(one.call())).outcome)

    assert outcomes == [Outcome.SUCCEEDED, Outcome.REPLAYED, Outcome.SUCCEEDED]


async def test_a_repeatable_write_without_a_key_is_done_each_time() -> None:
    one = house()

    for _ in range(2):
        acted = await one.write(one.call(), wish(effect=Effect.IDEMPOTENT_WRITE))
        assert (acted.outcome, acted.key.source) == (Outcome.SUCCEEDED, KeySource.FRESH)

    assert one.desks[0].sends == 2


async def test_tenants_do_not_meet_under_the_same_key() -> None:
    one = house()

    for tenant in ("acme", "other"):
        assert (await one.write(one.call(key="k", tenant=tenant))).outcome is Outcome.SUCCEEDED

    assert one.desks[0].sends == 2


async def test_a_dry_run_shows_the_write_and_uses_no_key() -> None:
    one = house()

    shown = await one.write(one.call(key="k"), wish(dry_run=True))
    done = await one.write(one.call(key="k"))

    assert (shown.outcome, shown.action, shown.target) == (Outcome.DRY_RUN, None, "zendesk")
    assert shown.write == done.write
    assert done.outcome is Outcome.SUCCEEDED
    assert one.desks[0].sends == 1
    assert [record.outcome for record in one.kept.records] == ["dry_run", "succeeded"]


async def test_a_call_that_is_refused_before_it_is_sent_uses_no_key() -> None:
    one = house()

    async def refuses(_: Reader) -> Wish:
        raise NotFound("The desk has nothing of that id.")

    with pytest.raises(NotFound):
        await one.actions.perform(one.call(key="k"), refuses)

    assert await one.store.by_key("acme", "k") is None
    assert (one.record.outcome, one.record.error_code) == ("error", "not_found")


async def test_without_a_desk_nothing_is_reserved() -> None:
    one = House()

    with pytest.raises(NoTarget):
        await one.write(one.call(key="k"))

    assert await one.store.by_key("acme", "k") is None


@pytest.mark.parametrize(
    ("step", "outcome", "error"),
    [
        (Step.APPLY_LOST, Outcome.SUCCEEDED, None),
        (Step.REFUSE, Outcome.FAILED, "desk_unavailable"),
        (Step.REJECT, Outcome.FAILED, "desk_rejected"),
        (Step.CHANGED, Outcome.FAILED, "ticket_changed"),
    ],
)
async def test_what_the_desk_did_is_what_the_host_is_told(
    step: Step, outcome: Outcome, error: str | None
) -> None:
    one = house(step)

    acted = await one.write(one.call(key="k"))

    assert (acted.outcome, acted.error.code if acted.error else None) == (outcome, error)
    assert (one.record.outcome, one.record.error_code) == (outcome, error)
    assert one.record.target == "zendesk"


async def test_what_failed_for_good_is_told_again_and_not_sent_again() -> None:
    one = house(Step.REJECT)
    await one.write(one.call(key="k"))

    again = await one.write(one.call(key="k"))

    assert again.outcome is Outcome.FAILED
    assert again.action is not None
    assert again.action.error_code == "desk_rejected"
    assert one.desks[0].sends == 1


async def test_what_nobody_knows_is_asked_about_by_the_next_call() -> None:
    one = house(Step.LATE, strategy=Strategy.MARKER_PROBE)

    unknown = await one.write(one.call(key="k"))
    known = await one.write(one.call(key="k"))

    assert [unknown.outcome, known.outcome] == [Outcome.OUTCOME_UNKNOWN, Outcome.SUCCEEDED]
    assert isinstance(unknown.error, OutcomeUnknown)
    assert one.desks[0].sends == 1


async def test_a_write_is_looked_for_where_it_went_whatever_the_policy_prefers_now() -> None:
    first = ScriptedDesk("first", Strategy.NATIVE_KEY, [Step.REFUSE])
    second = ScriptedDesk("second", Strategy.MARKER_PROBE, [Step.LATE], late_after=2)
    one = House(desks=(first, second))
    create = replace(wish(), write=CREATE)
    await one.write(one.call(key="k"), create)

    settled = await one.write(one.call(key="k"), replace(create, write=wish().write))

    assert (settled.outcome, settled.target) == (Outcome.OUTCOME_UNKNOWN, "second")
    assert (first.probes, second.probes) == (0, 2)


async def test_no_more_desks_are_tried_than_the_rule_allows_attempts() -> None:
    desks = tuple(ScriptedDesk(name, Strategy.NATIVE_KEY, [Step.REFUSE]) for name in "abc")
    one = House(desks=desks, limits=replace(House().limits, attempts=2))

    acted = await one.write(one.call(key="k"), replace(wish(), write=CREATE))

    assert [desk.sends for desk in desks] == [1, 1, 0]
    assert isinstance(acted.error, DeskUnavailable)


async def test_a_change_of_a_thing_goes_to_the_desk_that_holds_it_alone() -> None:
    desks = (ScriptedDesk("a", CAS, [Step.REFUSE]), ScriptedDesk("b", CAS))
    one = House(desks=desks)

    acted = await one.write(one.call(key="k"))

    assert acted.outcome is Outcome.FAILED
    assert [desk.sends for desk in desks] == [1, 0]


async def test_of_concurrent_calls_with_one_key_one_sends_and_the_others_wait() -> None:
    one = house()
    outcomes: list[Outcome] = []

    async def write() -> None:
        outcomes.append((await one.write(one.call(key="k"))).outcome)

    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(write)

    assert one.desks[0].sends == 1
    assert outcomes.count(Outcome.SUCCEEDED) == 1
    assert set(outcomes) <= {Outcome.SUCCEEDED, Outcome.IN_PROGRESS, Outcome.REPLAYED}
    assert len(one.kept.records) == 12


async def test_a_host_that_leaves_cannot_cut_a_write_in_two() -> None:
    one = house()

    async def prepare(_: Reader) -> Wish:
        scope.cancel()  # from here on, every unshielded wait ends the call
        return wish()

    with anyio.CancelScope() as scope:
        await one.actions.perform(one.call(key="k"), prepare)

    row = await one.store.by_key("acme", "k")
    assert row is not None
    assert row.state is ActionState.SUCCEEDED
    assert len(one.kept.records) == 1


async def test_a_ledger_that_cannot_commit_sends_nothing() -> None:
    one = house()
    one.store.broken = True

    with pytest.raises(StorageUnavailable):
        await one.write(one.call(key="k"))

    assert one.desks[0].sends == 0
    assert one.record.error_code == "storage_unavailable"


@pytest.mark.parametrize(
    ("step", "error"), [(Step.APPLY, LedgerDegraded), (Step.LOST, OutcomeUnknown)]
)
async def test_a_ledger_that_breaks_while_sending_never_denies_that_it_was_sent(
    step: Step, error: type[RouterError]
) -> None:
    class Breaking(ScriptedDesk):
        def _tick(self) -> None:
            super()._tick()
            one.store.broken = self._requests == 2  # the version is read first, then it is sent

    one = House(desks=(Breaking("zendesk", CAS, [step]),))

    with pytest.raises(error):
        await one.write(one.call(key="k"))

    one.store.broken = False
    # Its caller's end is known here, so that the next one need not wait for a lease to end.
    assert (await one.write(one.call(key="k"))).outcome is Outcome.SUCCEEDED
    assert len(one.desks[0].effects) == 1


async def test_a_record_that_cannot_be_kept_withholds_the_answer_and_the_retry_gets_it() -> None:
    one = house()
    one.kept.broken = True

    with pytest.raises(RouterError) as caught:
        await one.write(one.call(key="k"))

    assert caught.value.retryable
    one.kept.broken = False
    assert (await one.write(one.call(key="k"))).outcome is Outcome.REPLAYED
    assert len(one.desks[0].effects) == 1


async def test_what_a_write_reads_first_is_in_its_record() -> None:
    one = house()
    maya = Customer(id="9", target="zendesk", name="Maya", email=None)
    one.desks[0].customers.append((maya,))

    async def prepare(reader: Reader) -> Wish:
        found = await reader.read(
            "find_customer",
            lambda desk, timeout_s: desk.find_customers(
                CustomerQuery(name="Maya"), limit=1, timeout_s=timeout_s
            ),
        )
        assert found == (maya,)
        return wish()

    await one.actions.perform(one.call(key="k"), prepare)

    assert [attempt.target for attempt in one.record.attempts] == ["zendesk", "zendesk"]
    assert one.record.ticket_id == "7"


async def test_a_call_that_ended_without_the_store_holds_nothing_once_it_is_back() -> None:
    class Breaking(ScriptedDesk):
        def _check_readable(self) -> None:
            one.store.broken = self.probes == 2

    one = House(desks=(Breaking("zendesk", Strategy.MARKER_PROBE, [Step.LOST]),))
    one.clock.advance(2)
    unknown = await one.write(one.call())
    assert unknown.action is not None
    one.clock.advance(WINDOW_MS / 1000 - 1)
    again = one.call()

    with pytest.raises(OutcomeUnknown):
        await one.write(again)

    # It is another window by now: what the second call held stands under a twin of its key.
    held = await one.ledger.get("acme", unknown.action.action_id)
    one.store.broken = False
    await one.ledger.release_abandoned()

    left = await one.ledger.get("acme", unknown.action.action_id)
    assert (held.owner is None, left.owner) == (False, None)
    assert left.state is ActionState.UNKNOWN


async def test_a_write_is_not_decided_by_an_edited_policy() -> None:
    one = house()
    await one.stages.released(replace(policy((), ()), digest="before"), who="server")

    with pytest.raises(PolicyEdited):
        await one.write(one.call(key="k"))

    assert (one.desks[0].sends, one.record.error_code) == (0, "policy_edited")
