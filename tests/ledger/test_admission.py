"""What a call meets under its key, for every state, holder and fingerprint."""

from dataclasses import replace
from itertools import product

import pytest

from mcp_router.domain.action import Action, ActionState
from mcp_router.ledger.admission import Admission, admit, judge
from mcp_router.testing.clock import NOON_MS
from tests.storage.rows import action

RESERVED, SENDING, UNKNOWN = ActionState.RESERVED, ActionState.SENDING, ActionState.UNKNOWN
OPEN = (RESERVED, SENDING, UNKNOWN)
SETTLED = {
    ActionState.SUCCEEDED: Admission.REPLAY,
    ActionState.FAILED: Admission.REPLAY,
    ActionState.NEEDS_HUMAN: Admission.WAITS_FOR_PERSON,
    ActionState.EXPIRED: Admission.EXPIRED,
}
HOLDERS = ["somebody", None]
LATER_MS = NOON_MS + 5


def wanted(**changes: str) -> Action:
    return replace(action("new", key="key-1", owner="me#2"), **changes)  # type: ignore[arg-type]  # text fields only


def existing(state: ActionState, owner: str | None = "somebody") -> Action:
    return replace(action(state=state, owner=owner), fence=4, attempts=1)


def met(row: Action, call: Action, *, held: bool) -> tuple[Action, Admission]:
    after = judge(row, call, held=held, now_ms=LATER_MS)
    return after, admit(after, call)


@pytest.mark.parametrize("other", [{"fingerprint": "1:bb"}, {"tool": "create_ticket"}])
@pytest.mark.parametrize(
    ("state", "owner", "held"),
    [one for one in product(ActionState, HOLDERS, [True, False]) if one[0] != "expired"],
)
def test_another_intent_is_a_conflict_and_takes_nothing(
    state: ActionState, owner: str | None, held: bool, other: dict[str, str]
) -> None:
    row = existing(state, owner)

    after, admission = met(row, wanted(**other), held=held)

    assert after is row
    assert admission is Admission.CONFLICT


@pytest.mark.parametrize("other", [{}, {"fingerprint": "1:bb"}, {"tool": "create_ticket"}])
def test_an_expired_key_is_expired_whatever_it_is_wanted_for(other: dict[str, str]) -> None:
    row = existing(ActionState.EXPIRED, None)

    after, admission = met(row, wanted(**other), held=False)

    assert after is row
    assert admission is Admission.EXPIRED


@pytest.mark.parametrize(("state", "owner", "held"), list(product(SETTLED, HOLDERS, [True, False])))
def test_what_is_settled_is_told_to_everyone(
    state: ActionState, owner: str | None, held: bool
) -> None:
    row = existing(state, owner)

    assert met(row, wanted(), held=held) == (row, SETTLED[state])


@pytest.mark.parametrize("state", OPEN)
def test_whoever_holds_it_keeps_it(state: ActionState) -> None:
    row = existing(state)

    assert met(row, wanted(), held=True) == (row, Admission.IN_PROGRESS)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("owner", HOLDERS)
def test_what_nobody_holds_goes_to_the_caller_to_send_or_to_ask_about(
    state: ActionState, owner: str | None
) -> None:
    row = existing(state, owner)

    after, admission = met(row, wanted(), held=False)

    assert after == replace(
        row,
        state=RESERVED if state is RESERVED else UNKNOWN,
        owner="me#2",
        fence=5,
        updated_ms=LATER_MS,
    )
    assert admission is (Admission.PROCEED if state is RESERVED else Admission.RECONCILE)


@pytest.mark.parametrize("state", [RESERVED, SENDING])
def test_whoever_inserted_the_row_proceeds(state: ActionState) -> None:
    mine = replace(wanted(), state=state)

    assert admit(mine, mine) is Admission.PROCEED
