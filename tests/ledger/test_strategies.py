"""What may be done about a lost answer: every strategy with every fact."""

from dataclasses import replace
from itertools import product

import pytest

from mcp_router.domain.action import Precondition, Strategy
from mcp_router.ledger.strategies import (
    NATIVE_KEY_MS,
    SETTLE_MS,
    Recourse,
    can_probe,
    needs_version,
    recourse,
)
from tests.storage.rows import action

RESEND, WAIT = Recourse.RESEND, Recourse.WAIT
NEVER, PERSON = Recourse.NEVER, Recourse.PERSON

AGES = (None, 0, SETTLE_MS - 1, SETTLE_MS, NATIVE_KEY_MS - 1, NATIVE_KEY_MS, 10**12)
BASED_ON = {
    "nothing": None,
    "settled": Precondition(stamp="1", settled=True),
    "shared": Precondition(stamp="1", settled=False),
}
SHOWN = {
    "nothing": None,
    "same": Precondition(stamp="1", settled=True),
    "same, this second": Precondition(stamp="1", settled=False),
    "moved": Precondition(stamp="2", settled=True),
    "moved, this second": Precondition(stamp="2", settled=False),
}

BY_AGE = {
    Strategy.NATIVE_KEY: dict(
        zip(AGES, [PERSON, RESEND, RESEND, RESEND, RESEND, PERSON, PERSON], strict=True)
    ),
    Strategy.UNIQUE_INDEX: dict.fromkeys(AGES, RESEND),
    Strategy.MARKER_PROBE: dict(
        zip(AGES, [PERSON, WAIT, WAIT, PERSON, PERSON, PERSON, PERSON], strict=True)
    ),
    Strategy.NONE: dict.fromkeys(AGES, PERSON),
}
# What a send was based on does not matter later, only what the desk shows of it: a stamp that was
# shared once is nobody else's as soon as its second is over.
BY_VERSION = {
    "nothing": PERSON,
    "same": RESEND,
    "same, this second": WAIT,
    "moved": NEVER,
    "moved, this second": NEVER,
}


@pytest.mark.parametrize(
    ("strategy", "sent_ago_ms", "based_on", "shown"),
    list(product(Strategy, AGES, BASED_ON, SHOWN)),
)
def test_every_strategy_knows_what_to_do_with_every_fact(
    strategy: Strategy, sent_ago_ms: int | None, based_on: str, shown: str
) -> None:
    row = replace(
        action(strategy=strategy), sent_ago_ms=sent_ago_ms, precondition=BASED_ON[based_on]
    )

    if strategy is Strategy.CAS_MARKER:
        expected = PERSON if based_on == "nothing" else BY_VERSION[shown]
    else:
        expected = BY_AGE[strategy][sent_ago_ms]

    assert recourse(row, SHOWN[shown]) is expected


def test_only_versions_are_read_first_and_only_none_is_never_probed() -> None:
    assert [one for one in Strategy if needs_version(one)] == [Strategy.CAS_MARKER]
    assert [one for one in Strategy if not can_probe(one)] == [Strategy.NONE]


def test_a_key_of_the_desk_is_relied_on_for_less_than_it_is_kept() -> None:
    # Zendesk keeps an idempotency key for two hours, by its documentation.
    assert NATIVE_KEY_MS == 110 * 60 * 1000 < 2 * 3600 * 1000
