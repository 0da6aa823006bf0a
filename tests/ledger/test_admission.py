"""What a call meets under its key, for every state, holder, lease and fingerprint."""

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
}
HOLDERS = ["alive", "dead", None]


def wanted(**changes: str) -> Action:
    return replace(action("new", key="key-1", owner="me#2"), **changes)  # type: ignore[arg-type]  # text fields only


def existing(state: ActionState, holder: str | None, *, lease_left_ms: int) -> Action:
    row = action(state=state, owner=holder, lease_until_ms=NOON_MS + lease_left_ms)
    return replace(row, fence=4, attempts=1)


def met(row: Action, call: Action) -> tuple[Action, Admission]:
    after = judge(row, call, now_ms=NOON_MS, is_alive=lambda owner: owner == "alive")
    return after, admit(after, call)


@pytest.mark.parametrize("other", [{"fingerprint": "1:bb"}, {"tool": "create_ticket"}])
@pytest.mark.parametrize(("state", "holder", "lease"), list(product(ActionState, HOLDERS, [1, 0])))
def test_another_intent_is_a_conflict_and_takes_nothing(
    state: ActionState, holder: str | None, lease: int, other: dict[str, str]
) -> None:
    row = existing(state, holder, lease_left_ms=lease)

    after, admission = met(row, wanted(**other))

    assert after is row
    assert admission is Admission.CONFLICT


@pytest.mark.parametrize(("state", "holder", "lease"), list(product(SETTLED, HOLDERS, [1, 0])))
def test_what_is_settled_is_told_to_everyone(
    state: ActionState, holder: str | None, lease: int
) -> None:
    row = existing(state, holder, lease_left_ms=lease)

    assert met(row, wanted()) == (row, SETTLED[state])


@pytest.mark.parametrize("state", OPEN)
def test_a_living_holder_keeps_it_while_the_lease_runs(state: ActionState) -> None:
    row = existing(state, "alive", lease_left_ms=1)

    assert met(row, wanted()) == (row, Admission.IN_PROGRESS)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize(
    ("holder", "lease"), [("alive", 0), ("alive", -1), ("dead", 1), ("dead", 0), (None, 1)]
)
def test_what_nobody_holds_goes_to_the_caller_to_send_or_to_ask_about(
    state: ActionState, holder: str | None, lease: int
) -> None:
    row = existing(state, holder, lease_left_ms=lease)

    after, admission = met(row, wanted())

    assert after == replace(
        row,
        state=RESERVED if state is RESERVED else UNKNOWN,
        owner="me#2",
        fence=5,
        lease_until_ms=wanted().lease_until_ms,
        updated_ms=NOON_MS,
    )
    assert admission is (Admission.PROCEED if state is RESERVED else Admission.RECONCILE)


def test_whoever_inserted_the_row_proceeds() -> None:
    assert admit(wanted(), wanted()) is Admission.PROCEED
