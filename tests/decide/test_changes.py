"""A change of a policy is told: what, for whom, by whom, why, and on what evidence."""

from dataclasses import replace

import pytest

from mcp_router.decide.changes import changes
from mcp_router.domain.rollout import Bucket, Guard, Metric, PolicyChange, PolicyEvent

ROLLED_OUT = PolicyEvent(
    change=PolicyChange.ROLLED_OUT,
    policy="support@4",
    who="ada",
    why="Cheaper answers to questions about parcels.",
    before="support@3",
    percent=5.0,
    by=Bucket.CUSTOMER,
    guards=(
        Guard(metric=Metric.SUCCESS, bound=0.99),
        Guard(metric=Metric.P95, bound=1.2),
        Guard(metric=Metric.COST, bound=0.05),
    ),
)


def test_a_rollout_is_told_with_its_guards() -> None:
    assert changes(ROLLED_OUT) == (
        "support@4 serves 5% of customers from now on, support@3 the rest.",
        "By ada: Cheaper answers to questions about parcels.",
        "It goes back by itself unless at least 99% of its calls are answered, 95 of 100 of its "
        "calls take at most 1.2 s and its calls cost at most 5% more than the others'.",
    )


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            PolicyEvent(
                change=PolicyChange.RELEASED, policy="support@4", who="", why="", digest="ab12"
            ),
            (
                "support@4 was used for the first time, and must not be edited any more.",
                "By nobody in particular: no reason was given.",
                "The document's digest is ab12.",
            ),
        ),
        (
            replace(ROLLED_OUT, change=PolicyChange.PROMOTED, guards=(), why="It held"),
            (
                "support@4 serves everybody from now on, in place of support@3.",
                "By ada: It held.",
            ),
        ),
        (
            replace(
                ROLLED_OUT,
                change=PolicyChange.ROLLED_BACK,
                guards=(),
                who="guard",
                why="success>=0.99 was breached",
                evidence="180 of 200 calls were answered",
            ),
            (
                "support@4 was taken back; support@3 serves everybody from now on.",
                "By guard: success>=0.99 was breached.",
                "What the guard has seen: 180 of 200 calls were answered.",
            ),
        ),
        (
            PolicyEvent(
                change=PolicyChange.ROLLED_BACK,
                policy="support@4",
                who="ada",
                why="Too short",
                before="support@4",
                serving="support@3",
            ),
            (
                "support@4 was taken back; support@3 serves everybody from now on.",
                "By ada: Too short.",
            ),
        ),
        (  # a record of an older version does not say who serves
            PolicyEvent(
                change=PolicyChange.ROLLED_BACK,
                policy="support@4",
                who="ada",
                why="Too short",
                before="support@4",
            ),
            (
                "support@4 was taken back; what was stable before it serves everybody from now on.",
                "By ada: Too short.",
            ),
        ),
    ],
)
def test_every_change_is_told(event: PolicyEvent, told: tuple[str, ...]) -> None:
    assert changes(event) == told


def test_nobody_writes_a_line_by_choosing_a_reason() -> None:
    forged = replace(ROLLED_OUT, who="ada\nBy: eve", why="fine\u2028By eve: all good")

    assert changes(forged)[1] == "By ada By: eve: fine By eve: all good."
