"""A record is told whole: what was asked, how it ended, what was tried and why."""

from dataclasses import replace

import pytest

from mcp_router.decide.decide import decide
from mcp_router.decide.tell import tell
from mcp_router.domain.action import Outcome
from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.completion import Usage
from mcp_router.domain.policy import PoolStrategy
from mcp_router.domain.record import ModelAnswer, Record
from mcp_router.domain.target import TargetKind
from tests.decide.examples import (
    COMPLETION,
    LOOKUP,
    configured,
    desk,
    model,
    policy,
    pool,
    rule,
)

MODELS = policy(
    (rule("all", "cost"),),
    (pool("cost", PoolStrategy.COST_OPTIMIZED, ("a-nano", 0.5), ("b-mini", 0.6)),),
)
DESKS = policy(
    (rule("tool:create_ticket", "helpdesk"),),
    (pool("helpdesk", PoolStrategy.AS_LISTED, ("zendesk", 0.5), kind=TargetKind.DESK),),
)
ANSWERED = Record(
    decision_id="dec_1",
    at_ms=1_795_219_200_000,
    tenant="acme",
    principal="copilot",
    transport="http",
    tool="route_completion",
    outcome="ok",
    latency_ms=1_432,
    client="claude-desktop/1.2",
    run_id="run-7",
    ticket_id="4711",
    decision=decide(MODELS, COMPLETION, configured(model("a-nano", 100), model("b-mini", 200))),
    attempts=(
        Attempt(
            target="a-nano", evidence=Evidence.NOT_APPLIED, reason=Reason.REFUSED, latency_ms=12
        ),
        Attempt(
            target="b-mini",
            evidence=Evidence.APPLIED,
            reason=Reason.OK,
            latency_ms=1_400,
            cost_microusd=812,
            usage=Usage(input_tokens=1_020, output_tokens=90),
            model="mini-2026",
        ),
    ),
    target="b-mini",
    cost_microusd=812,
    answer=ModelAnswer(
        model="mini-2026",
        finish_reason="stop",
        input_tokens=1_020,
        output_tokens=90,
        tool_calls=0,
        price_table="genai-prices 0.2.3",
    ),
)
WRITTEN = Record(
    decision_id="dec_2",
    at_ms=1_795_219_200_000,
    tenant="local",
    principal="stdio",
    transport="stdio",
    tool="create_ticket",
    outcome="outcome_unknown",
    latency_ms=812,
    decision=decide(
        DESKS, replace(LOOKUP, tool="create_ticket", tenant="local"), configured(desk("zendesk"))
    ),
    attempts=(
        Attempt(target="zendesk", evidence=Evidence.UNKNOWN, reason=Reason.TIMEOUT, latency_ms=800),
    ),
    target="zendesk",
    action_id="act_1",
    error_code="outcome_unknown",
)


def test_an_answered_question_with_its_fallback() -> None:
    assert tell(ANSWERED).splitlines() == [
        "route_completion at 2026-11-21 00:00:00 UTC (dec_1)",
        "  Called by copilot of tenant acme, over http.",
        "  Client: claude-desktop/1.2.",
        "  About ticket 4711 and run run-7.",
        "",
        "How it ended",
        "  It was answered.",
        "  Served by b-mini in 1.43 s, for $0.000812.",
        "  The model mini-2026 read 1,020 tokens and wrote 90; it finished with stop. "
        "Prices: genai-prices 0.2.3.",
        "",
        "What was tried",
        "  1. a-nano could not be reached, 12 ms.",
        "  2. fell back: b-mini answered, 1.40 s, $0.000812.",
        "",
        "Why",
        '  Rule "all" of policy support@3 decided: Because all.',
        '  The customer likely wants "refund_dispute" (confidence 0.80 of 1).',
        "  Also known: customer tier vip, locale de-AT, channel email, 5 turns so far, "
        "about 1,000 tokens of prompt and 2 tools offered.",
        '  Pool "cost", the cheapest first:',
        "    1. a-nano: about $0.000100",
        "    2. b-mini: about $0.000200",
        "  Limits: 4 attempts within 30 s, 12 s each; $0.100000; 800 tokens of answer.",
    ]


def test_a_write_that_nobody_can_vouch_for() -> None:
    assert tell(WRITTEN).splitlines() == [
        "create_ticket at 2026-11-21 00:00:00 UTC (dec_2)",
        "  Called by stdio of tenant local, over stdio.",
        "  About action act_1.",
        "",
        "How it ended",
        "  It may or may not have been done, and nobody could say at that time. It is not sent "
        "again until that is known: get_action tells how it stands now. "
        "Error code: outcome_unknown.",
        "  It took 812 ms.",
        "",
        "What was tried",
        "  1. zendesk did not answer in time; the write may have been applied, 800 ms.",
        "",
        "Why",
        '  Rule "tool:create_ticket" of policy support@3 decided: Because tool:create_ticket.',
        "  The call is create_ticket by tenant local.",
        '  Pool "helpdesk", in the order of the policy:',
        "    1. zendesk",
        "  Limits: 4 attempts within 30 s, 12 s each.",
    ]


def test_a_call_that_was_refused_before_any_policy() -> None:
    refused = Record(
        decision_id="dec_3",
        at_ms=1_795_219_200_000,
        tenant="local",
        principal="stdio",
        transport="stdio",
        tool="create_ticket",
        outcome="error",
        latency_ms=0,
        error_code="invalid_arguments",
    )

    assert tell(refused).splitlines() == [
        "create_ticket at 2026-11-21 00:00:00 UTC (dec_3)",
        "  Called by stdio of tenant local, over stdio.",
        "",
        "How it ended",
        "  It ended with an error. Error code: invalid_arguments.",
        "  It took 0 ms.",
        "",
        "Why",
        "  It was refused before any policy was asked.",
    ]


def ending(outcome: str) -> str:
    return tell(replace(WRITTEN, outcome=outcome, error_code=None)).split("How it ended\n  ")[1]


@pytest.mark.parametrize("outcome", ["ok", "error", "cancelled", *Outcome])
def test_every_outcome_is_told_in_words_of_its_own(outcome: str) -> None:
    first = ending(outcome).splitlines()[0]

    assert not first.startswith('It ended as "')
    assert [
        one for one in ("ok", "error", "cancelled", *Outcome) if ending(one).startswith(first)
    ] == [outcome]


def test_an_outcome_of_a_later_version_is_shown_as_it_is() -> None:
    assert ending("postponed").startswith('It ended as "postponed".')


@pytest.mark.parametrize("outcome", ["failed", "conflict", "in_progress", "dry_run", "cancelled"])
def test_a_target_that_did_nothing_did_not_serve(outcome: str) -> None:
    assert "Served by" not in ending(outcome)


@pytest.mark.parametrize("outcome", ["ok", "succeeded", "replayed"])
def test_a_target_that_did_it_is_named(outcome: str) -> None:
    assert "Served by zendesk in 812 ms." in ending(outcome)


def attempt_line(attempt: Attempt) -> str:
    told = tell(replace(WRITTEN, attempts=(attempt,)))
    return told.split("What was tried\n  1. ")[1].splitlines()[0]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_told_in_words_of_its_own(reason: Reason) -> None:
    told = {
        one: attempt_line(
            Attempt(target="zendesk", evidence=Evidence.NOT_APPLIED, reason=one, latency_ms=5)
        )
        for one in Reason
    }

    assert [one for one in Reason if told[one] == told[reason]] == [reason]


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence.APPLIED, "the write was applied"),
        (Evidence.NOT_APPLIED, "nothing was applied"),
        (Evidence.UNKNOWN, "the write may have been applied"),
    ],
)
def test_an_attempt_to_write_says_what_it_left_behind(evidence: Evidence, words: str) -> None:
    attempt = Attempt(
        target="zendesk", evidence=evidence, reason=Reason.SERVER_ERROR, latency_ms=5, status=503
    )

    assert attempt_line(attempt) == f"zendesk failed on its side (HTTP 503); {words}, 5 ms."


def test_an_attempt_that_was_not_made_took_no_time() -> None:
    attempt = Attempt(
        target="a-nano", evidence=Evidence.NOT_APPLIED, reason=Reason.OVER_BUDGET, latency_ms=0
    )
    told = tell(replace(ANSWERED, attempts=(attempt,)))

    assert "  1. a-nano was not asked, for the rest of the budget did not cover it.\n" in told


def test_the_same_target_again_is_no_fallback() -> None:
    again = (*WRITTEN.attempts, replace(WRITTEN.attempts[0], reason=Reason.OK))

    assert "fell back" not in tell(replace(WRITTEN, attempts=again))


def test_proposed_tool_calls_are_counted() -> None:
    assert ANSWERED.answer is not None
    answer = replace(ANSWERED.answer, tool_calls=2)

    assert "and wrote 90 and 2 tool calls; it" in tell(replace(ANSWERED, answer=answer))


def test_nobody_writes_a_line_by_choosing_a_name() -> None:
    forged = replace(
        ANSWERED,
        principal="copilot\n\nHow it ended\n  It was answered",
        client="x\r\nWhy",
        run_id="r\u2028Why",
        ticket_id="\u202e4711",
    )
    lines = tell(forged).splitlines()

    assert len(lines) == len(tell(ANSWERED).splitlines())
    assert lines[1:4] == [
        "  Called by copilot How it ended It was answered of tenant acme, over http.",
        "  Client: x Why.",
        "  About ticket 4711 and run r Why.",
    ]
