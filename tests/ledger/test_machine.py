"""The state machine as its table: every arrow there is, and the refusal of every other."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mcp_router.domain.action import Action, ActionState, Precondition, Ref, Strategy
from mcp_router.errors import IllegalTransition
from mcp_router.ledger import machine
from tests.storage.rows import action

RESERVED, SENDING, UNKNOWN = ActionState.RESERVED, ActionState.SENDING, ActionState.UNKNOWN
NEEDS_HUMAN, SUCCEEDED = ActionState.NEEDS_HUMAN, ActionState.SUCCEEDED
FAILED = ActionState.FAILED
LATER_MS = 5
STAMP = Precondition(stamp="s", settled=True)
REF = Ref(id="4711")

Move = Callable[[Action], Action]

MOVES: dict[str, Move] = {
    "take": lambda row: machine.take(row, owner="new", lease_until_ms=9, now_ms=LATER_MS),
    "start": lambda row: machine.start(
        row, target="t", strategy=Strategy.NATIVE_KEY, precondition=STAMP, now_ms=LATER_MS
    ),
    "succeed": lambda row: machine.succeed(row, ref=REF, now_ms=LATER_MS),
    "fail": lambda row: machine.fail(row, error_code="desk_rejected", now_ms=LATER_MS),
    "hold": lambda row: machine.hold(row, now_ms=LATER_MS),
    "release": lambda row: machine.release(row, error_code="desk_unavailable", now_ms=LATER_MS),
    "lose": lambda row: machine.lose(row, error_code="outcome_unknown", now_ms=LATER_MS),
    "let_go": lambda row: machine.let_go(row, now_ms=LATER_MS),
}

# (from, move) -> to. What is not here must be refused.
TABLE = {
    (RESERVED, "take"): RESERVED,
    (RESERVED, "start"): SENDING,
    (RESERVED, "fail"): FAILED,
    (RESERVED, "hold"): RESERVED,
    (RESERVED, "release"): RESERVED,
    (SENDING, "take"): UNKNOWN,
    (SENDING, "succeed"): SUCCEEDED,
    (SENDING, "fail"): FAILED,
    (SENDING, "hold"): RESERVED,
    (SENDING, "release"): RESERVED,
    (SENDING, "lose"): UNKNOWN,
    (SENDING, "let_go"): UNKNOWN,
    (UNKNOWN, "take"): UNKNOWN,
    (UNKNOWN, "start"): SENDING,
    (UNKNOWN, "succeed"): SUCCEEDED,
    (UNKNOWN, "fail"): FAILED,
    (UNKNOWN, "lose"): UNKNOWN,
    (UNKNOWN, "let_go"): UNKNOWN,
    (NEEDS_HUMAN, "succeed"): SUCCEEDED,
    (NEEDS_HUMAN, "fail"): FAILED,
}


def row(state: ActionState) -> Action:
    return replace(
        action(state=state),
        attempts=1,
        fence=3,
        precondition=STAMP,
        error_code="outcome_unknown",
        lease_until_ms=7,
        updated_ms=0,
    )


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("state", list(ActionState))
def test_every_move_leads_where_the_table_says_or_nowhere(state: ActionState, name: str) -> None:
    expected = TABLE.get((state, name))

    if expected is None:
        with pytest.raises(IllegalTransition):
            MOVES[name](row(state))
    else:
        moved = MOVES[name](row(state))
        assert (moved.state, moved.updated_ms) == (expected, LATER_MS)


def test_a_move_changes_only_what_it_is_for() -> None:
    sent, lost = row(SENDING), row(UNKNOWN)
    sending, unknown = replace(sent, updated_ms=LATER_MS), replace(lost, updated_ms=LATER_MS)

    assert [MOVES[name](one) for name, one in (
        ("take", sent), ("start", lost), ("succeed", sent), ("fail", sent),
        ("hold", sent), ("release", sent), ("lose", sent), ("let_go", lost),
    )] == [
        replace(sending, state=UNKNOWN, owner="new", lease_until_ms=9, fence=4),
        replace(unknown, state=SENDING, target="t", strategy=Strategy.NATIVE_KEY, attempts=2),
        replace(sending, state=SUCCEEDED, ref=REF, owner=None, error_code=None),
        replace(sending, state=FAILED, owner=None, error_code="desk_rejected"),
        replace(sending, state=RESERVED, precondition=None),
        replace(sending, state=RESERVED, precondition=None, owner=None, lease_until_ms=0,
                error_code="desk_unavailable"),
        replace(sending, state=UNKNOWN, error_code="outcome_unknown"),
        replace(unknown, owner=None, lease_until_ms=0),
    ]  # fmt: skip


def test_nothing_leads_back_from_unknown_to_never_sent() -> None:
    assert not [move for (state, move), to in TABLE.items() if (state, to) == (UNKNOWN, RESERVED)]
    assert not [key for key in TABLE if key[0] in (SUCCEEDED, FAILED)]
