"""A key means one write for ever: what a repeated call is told, and what a write costs."""

from dataclasses import replace

import pytest

from mcp_router.actions import Acted
from mcp_router.domain.action import ActionState, Outcome, Precondition, Ref, Strategy
from mcp_router.domain.effect import Effect
from mcp_router.domain.ticket import Visibility
from mcp_router.domain.write import DeskWrite, NewComment, UpdateTicket
from mcp_router.errors import ExpiredKey, KeyConflict
from mcp_router.ledger.keys import KeySource
from mcp_router.testing.desks import ScriptedDesk, Step
from tests.execute.shipping import Eventful
from tests.execute.walks import House, wish
from tests.ledger.wrappers import CountingActions, CrampedActions

CAS, NATIVE = Strategy.CAS_MARKER, Strategy.NATIVE_KEY
RESERVED, SENDING, SUCCEEDED = ActionState.RESERVED, ActionState.SENDING, ActionState.SUCCEEDED
MONTH_S = 30 * 86_400.0


def house(*script: Step, strategy: Strategy = CAS) -> House:
    return House(desks=(ScriptedDesk("zendesk", strategy, script),))


def told(acted: Acted) -> str:
    assert acted.error is not None
    return acted.error.message


@pytest.mark.parametrize("strategy", list(Strategy))
async def test_a_write_takes_two_commits_and_one_more_where_a_version_is_read_first(
    strategy: Strategy,
) -> None:
    one = House(desks=(ScriptedDesk("zendesk", strategy),), make_store=CountingActions)
    assert isinstance(one.store, CountingActions)

    await one.write(one.call(key="k"))

    expected = [RESERVED, SENDING, SUCCEEDED] if strategy is CAS else [SENDING, SUCCEEDED]
    assert one.store.commits == expected


@pytest.mark.parametrize("strategy", list(Strategy))
async def test_what_is_being_sent_is_on_disk_before_the_first_byte_leaves(
    strategy: Strategy,
) -> None:
    seen: list[ActionState] = []
    desk = Eventful("zendesk", strategy)
    one = House(desks=(desk,), make_store=CountingActions)
    store = one.store
    assert isinstance(store, CountingActions)

    async def looks() -> None:
        seen.extend(store.commits[-1:])

    desk.happens = looks
    await one.write(one.call(key="k"))

    assert seen == [SENDING]


@pytest.mark.parametrize(
    ("step", "outcome"), [(Step.APPLY, Outcome.REPLAYED), (Step.REJECT, Outcome.FAILED)]
)
async def test_every_replay_says_what_the_first_answer_said(step: Step, outcome: Outcome) -> None:
    one = house(step)
    first = await one.write(one.call(key="k"))
    assert first.action is not None
    assert first.action.answer_json is not None

    for _ in range(3):
        one.clock.advance(3600)
        again = await one.write(one.call(key="k"))
        assert again.action is not None
        assert (again.outcome, again.answer) == (outcome, first.answer)
        assert again.action.answer_json == first.action.answer_json

    assert one.desks[0].sends == 1


@pytest.mark.parametrize(
    ("step", "state", "outcome"),
    [
        (Step.APPLY, SUCCEEDED, [Outcome.SUCCEEDED, Outcome.REPLAYED]),
        (Step.APPLY_LOST, SUCCEEDED, [Outcome.SUCCEEDED, Outcome.REPLAYED]),
        (Step.REJECT, ActionState.FAILED, [Outcome.FAILED, Outcome.FAILED]),
    ],
)
async def test_where_no_answer_fits_the_truth_is_kept_and_still_told(
    step: Step, state: ActionState, outcome: list[Outcome]
) -> None:
    one = House(desks=(ScriptedDesk("zendesk", CAS, [step]),), make_store=CrampedActions)

    first = await one.write(one.call(key="k"))
    again = await one.write(one.call(key="k"))

    row = await one.store.by_key("acme", "k")
    assert row is not None
    assert (row.state, row.answer_json) == (state, None)
    assert [first.outcome, again.outcome] == outcome
    assert first.answer is not None
    assert again.answer == first.answer
    assert again.answer.ref == row.ref
    assert again.answer.code == row.error_code
    assert (row.ref is None) == (state is ActionState.FAILED)


@pytest.mark.parametrize(
    ("key", "run_id", "host_call_id", "effect", "source"),
    [
        ("k", "r", "c", Effect.NON_IDEMPOTENT_WRITE, KeySource.EXPLICIT),
        (None, "r", "c", Effect.NON_IDEMPOTENT_WRITE, KeySource.CALL),
        (None, "r", "c", Effect.IDEMPOTENT_WRITE, KeySource.CALL),
        (None, "r", None, Effect.NON_IDEMPOTENT_WRITE, KeySource.SLOT),
        (None, None, "c", Effect.NON_IDEMPOTENT_WRITE, KeySource.HEURISTIC),
        (None, None, "c", Effect.IDEMPOTENT_WRITE, KeySource.FRESH),
        (None, None, None, Effect.NON_IDEMPOTENT_WRITE, KeySource.HEURISTIC),
    ],
)
async def test_the_strongest_name_of_a_write_is_its_key(
    key: str | None,
    run_id: str | None,
    host_call_id: str | None,
    effect: Effect,
    source: KeySource,
) -> None:
    one = house()
    call = one.call(key=key, run_id=run_id, host_call_id=host_call_id)

    acted = await one.write(call, wish(effect=effect))

    assert acted.key.source is source


async def test_each_step_of_a_run_that_the_host_names_is_a_write_of_its_own() -> None:
    one = house()

    outcomes = [
        (await one.write(one.call(run_id=run, host_call_id=step), wish(body))).outcome
        for run, step, body in (
            ("r", "step-1", "First."),
            ("r", "step-2", "Second."),  # a slot alone would call it a conflict
            ("r", "step-1", "First."),
            ("r", "step-1", "In other words."),
            ("s", "step-1", "First."),
        )
    ]

    assert outcomes == [
        Outcome.SUCCEEDED,
        Outcome.SUCCEEDED,
        Outcome.REPLAYED,
        Outcome.CONFLICT,
        Outcome.SUCCEEDED,
    ]
    assert one.desks[0].sends == 3


async def test_a_conflict_shows_what_was_done_under_the_key() -> None:
    one = house()
    first = await one.write(one.call(key="k"))
    assert first.action is not None
    assert first.action.ref is not None

    other = await one.write(one.call(key="k"), wish("In other words."))

    assert other.outcome is Outcome.CONFLICT
    assert isinstance(other.error, KeyConflict)
    assert other.action is not None
    assert (other.action.action_id, other.action.ref) == (
        first.action.action_id,
        first.action.ref,
    )
    assert told(other).endswith(f"It was done: see {first.action.ref.id}.")
    assert other.answer == first.answer


@pytest.mark.parametrize(
    ("step", "strategy", "story"),
    [
        (Step.REJECT, CAS, "It was refused, and nothing was applied."),
        (Step.REFUSE, CAS, "It was never sent."),
        (Step.LOST, Strategy.MARKER_PROBE, "Whether it was applied is not decided yet."),
        (Step.LOST, Strategy.NONE, "Whether it was applied is not decided yet."),
    ],
)
async def test_a_conflict_says_how_the_first_write_stands(
    step: Step, strategy: Strategy, story: str
) -> None:
    one = house(step, strategy=strategy)
    await one.write(one.call(key="k"))

    other = await one.write(one.call(key="k"), wish("In other words."))

    assert (other.outcome, one.desks[0].sends) == (Outcome.CONFLICT, 1)
    assert told(other).endswith(story)


@pytest.mark.parametrize("body", ["On its way.", "In other words."])
async def test_an_expired_key_never_makes_a_new_effect_and_shows_what_was_made(body: str) -> None:
    one = house()
    first = await one.write(one.call(key="k"))
    assert first.action is not None
    assert first.action.ref is not None
    one.clock.advance(MONTH_S)
    assert await one.ledger.expire(older_than_s=MONTH_S, limit=10) == 1

    again = await one.write(one.call(key="k"), wish(body))

    assert isinstance(again.error, ExpiredKey)
    assert (again.outcome, one.desks[0].sends) == (Outcome.CONFLICT, 1)
    assert told(again).endswith(f"It was done: see {first.action.ref.id}.")
    assert again.action is not None
    assert (again.action.state, again.action.ref) == (ActionState.EXPIRED, first.action.ref)
    assert (one.record.outcome, one.record.error_code) == ("conflict", "expired_key")
    assert one.record.action_id == first.action.action_id


async def test_an_expired_key_of_a_refused_write_says_that_nothing_was_applied() -> None:
    one = house(Step.REJECT)
    await one.write(one.call(key="k"))
    one.clock.advance(MONTH_S)
    await one.ledger.expire(older_than_s=MONTH_S, limit=10)

    again = await one.write(one.call(key="k"))

    assert (again.outcome, one.desks[0].sends) == (Outcome.CONFLICT, 1)
    assert told(again).endswith("It was refused, and nothing was applied.")


async def test_what_is_sent_under_a_key_is_what_was_first_wanted_under_it() -> None:
    # The arguments are the same, but what the tool has read to make its write is not.
    later = UpdateTicket(
        ticket_id="7", comment=NewComment(body="Newer.", visibility=Visibility.PUBLIC)
    )
    sent: list[DeskWrite] = []

    class Watching(ScriptedDesk):
        async def write(
            self,
            write: DeskWrite,
            *,
            marker: str,
            precondition: Precondition | None,
            timeout_s: float,
        ) -> Ref:
            sent.append(write)
            return await super().write(
                write, marker=marker, precondition=precondition, timeout_s=timeout_s
            )

    one = House(desks=(Watching("zendesk", CAS, [Step.REFUSE]),))
    await one.write(one.call(key="k"))

    again = await one.write(one.call(key="k"), replace(wish(), write=later))

    assert again.outcome is Outcome.SUCCEEDED
    assert sent == [wish().write, wish().write]
