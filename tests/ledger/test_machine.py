"""The state machine as its table: every arrow there is, and the refusal of every other."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mcp_router.domain.action import ARROWS, Action, ActionState, Precondition, Ref, Strategy
from mcp_router.errors import IllegalTransition
from mcp_router.ledger import machine
from tests.storage.rows import action

RESERVED, SENDING, UNKNOWN = ActionState.RESERVED, ActionState.SENDING, ActionState.UNKNOWN
NEEDS_HUMAN, SUCCEEDED = ActionState.NEEDS_HUMAN, ActionState.SUCCEEDED
FAILED, EXPIRED = ActionState.FAILED, ActionState.EXPIRED
LATER_MS = 5
STAMP = Precondition(stamp="s", settled=True)
NEWER = Precondition(stamp="t", settled=True)
REF = Ref(id="4711")
BY = "dana: saw it in the ticket"

Move = Callable[[Action], Action]

MOVES: dict[str, Move] = {
    "take": lambda row: machine.take(row, owner="new", now_ms=LATER_MS),
    "start": lambda row: machine.start(
        row, target="t", strategy=Strategy.NATIVE_KEY, precondition=NEWER, now_ms=LATER_MS
    ),
    "succeed": lambda row: machine.succeed(row, ref=REF, now_ms=LATER_MS),
    "fail": lambda row: machine.fail(row, error_code="desk_rejected", now_ms=LATER_MS),
    "hold": lambda row: machine.hold(row, now_ms=LATER_MS),
    "release": lambda row: machine.release(row, error_code="desk_unavailable", now_ms=LATER_MS),
    "lose": lambda row: machine.lose(row, error_code="outcome_unknown", now_ms=LATER_MS),
    "leave": lambda row: machine.leave(row, error_code="late", now_ms=LATER_MS),
    "hand_over": lambda row: machine.hand_over(row, now_ms=LATER_MS),
    "resolve_applied": lambda row: machine.resolve(row, ref=REF, decided_by=BY, now_ms=LATER_MS),
    "resolve_never": lambda row: machine.resolve(row, ref=None, decided_by=BY, now_ms=LATER_MS),
}

# (from, move) -> to. What is not here must be refused.
TABLE = {
    (RESERVED, "take"): RESERVED,
    (RESERVED, "start"): SENDING,
    (RESERVED, "fail"): FAILED,
    (RESERVED, "hold"): RESERVED,
    (RESERVED, "release"): RESERVED,
    (RESERVED, "leave"): RESERVED,
    (RESERVED, "resolve_never"): FAILED,
    (SENDING, "take"): UNKNOWN,
    (SENDING, "succeed"): SUCCEEDED,
    (SENDING, "fail"): FAILED,
    (SENDING, "hold"): RESERVED,
    (SENDING, "release"): RESERVED,
    (SENDING, "lose"): UNKNOWN,
    (SENDING, "leave"): UNKNOWN,
    (SENDING, "resolve_applied"): SUCCEEDED,
    (SENDING, "resolve_never"): FAILED,
    (UNKNOWN, "take"): UNKNOWN,
    (UNKNOWN, "start"): SENDING,
    (UNKNOWN, "succeed"): SUCCEEDED,
    (UNKNOWN, "fail"): FAILED,
    (UNKNOWN, "lose"): UNKNOWN,
    (UNKNOWN, "leave"): UNKNOWN,
    (UNKNOWN, "hand_over"): NEEDS_HUMAN,
    (UNKNOWN, "resolve_applied"): SUCCEEDED,
    (UNKNOWN, "resolve_never"): FAILED,
    (NEEDS_HUMAN, "succeed"): SUCCEEDED,
    (NEEDS_HUMAN, "fail"): FAILED,
    (NEEDS_HUMAN, "resolve_applied"): SUCCEEDED,
    (NEEDS_HUMAN, "resolve_never"): FAILED,
}


def row(state: ActionState) -> Action:
    return replace(
        action(state=state),
        attempts=1,
        fence=3,
        precondition=STAMP,
        error_code="earlier",
        sent_ago_ms=7,
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
        ("take", sent), ("start", lost), ("succeed", sent), ("fail", sent), ("hold", sent),
        ("release", sent), ("lose", sent), ("leave", sent), ("hand_over", lost),
        ("resolve_applied", lost), ("resolve_never", lost),
    )] == [
        replace(sending, state=UNKNOWN, owner="new", fence=4),
        replace(unknown, state=SENDING, target="t", strategy=Strategy.NATIVE_KEY, attempts=2,
                precondition=NEWER),
        replace(sending, state=SUCCEEDED, ref=REF, owner=None, error_code=None),
        replace(sending, state=FAILED, owner=None, error_code="desk_rejected"),
        replace(sending, state=RESERVED, precondition=None),
        replace(sending, state=RESERVED, precondition=None, owner=None,
                error_code="desk_unavailable"),
        replace(sending, state=UNKNOWN, error_code="outcome_unknown"),
        replace(sending, state=UNKNOWN, owner=None),
        replace(unknown, state=NEEDS_HUMAN, owner=None),
        replace(unknown, state=SUCCEEDED, ref=REF, owner=None, error_code=None, decided_by=BY,
                fence=4),
        replace(unknown, state=FAILED, owner=None, error_code=None, decided_by=BY, fence=4),
    ]  # fmt: skip


def test_what_is_left_says_why_unless_that_is_known_already() -> None:
    sent = replace(row(SENDING), error_code=None)

    assert MOVES["leave"](sent).error_code == "late"
    assert MOVES["leave"](row(SENDING)).error_code == "earlier"


def test_a_first_send_was_sent_just_now() -> None:
    never = replace(row(RESERVED), sent_ago_ms=None)

    assert MOVES["start"](never).sent_ago_ms == 0


def test_nothing_leads_back_from_unknown_to_never_sent() -> None:
    assert RESERVED not in ARROWS[UNKNOWN]
    assert ARROWS[SUCCEEDED] == ARROWS[FAILED] == {EXPIRED}
    assert ARROWS[EXPIRED] == frozenset()


def test_the_moves_of_the_machine_are_all_the_arrows_but_the_stores_own() -> None:
    arrows = {(start, end) for start, ends in ARROWS.items() for end in ends}
    moved = {(start, end) for (start, _), end in TABLE.items()}

    assert arrows - moved == {(SUCCEEDED, EXPIRED), (FAILED, EXPIRED)}
