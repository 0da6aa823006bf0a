"""A record is told whole: what was asked, how it ended, what was tried and why."""

from dataclasses import replace

import pytest

from mcp_router.decide.decide import decide
from mcp_router.decide.tell import tell
from mcp_router.domain.action import Outcome
from mcp_router.domain.attempt import Attempt, Evidence, Purpose, Reason
from mcp_router.domain.budget import Account, Balance, BudgetScope
from mcp_router.domain.completion import Usage
from mcp_router.domain.guardrails import (
    Advice,
    AnswerConfidence,
    CacheState,
    CacheUse,
    ConfidenceSource,
)
from mcp_router.domain.policy import PoolStrategy
from mcp_router.domain.record import ModelAnswer, Record
from mcp_router.domain.rollout import PolicyChange, PolicyEvent
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


@pytest.mark.parametrize(
    "outcome", ["ok", "error", "cancelled", "escalated", "incomplete", *Outcome]
)
def test_every_outcome_is_told_in_words_of_its_own(outcome: str) -> None:
    first = ending(outcome).splitlines()[0]

    assert not first.startswith('It ended as "')
    assert [
        one
        for one in ("ok", "error", "cancelled", "escalated", "incomplete", *Outcome)
        if ending(one).startswith(first)
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


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.OVER_BUDGET, "for the rest of the budget did not cover it"),
        (Reason.BREAKER_OPEN, "for it had failed too often just before"),
    ],
)
def test_an_attempt_that_was_not_made_took_no_time(reason: Reason, words: str) -> None:
    attempt = Attempt(target="a-nano", evidence=Evidence.NOT_APPLIED, reason=reason, latency_ms=0)
    told = tell(replace(ANSWERED, attempts=(attempt,)))

    assert f"  1. a-nano was not asked, {words}.\n" in told


def test_a_failed_check_is_told_by_name_and_an_advisor_by_what_it_was_for() -> None:
    answered = ANSWERED.attempts[1]
    attempts = (
        replace(
            answered,
            target="a-nano",
            reason=Reason.CHECKS_FAILED,
            failed_checks=("json_schema", "language"),
        ),
        answered,
        replace(answered, target="d-large", purpose=Purpose.ADVICE),
        replace(answered, purpose=Purpose.FINISH),
    )
    told = tell(replace(ANSWERED, attempts=attempts)).split("What was tried\n")[1]

    assert told.split("\n\n")[0].splitlines() == [
        "  1. a-nano answered, but not in the form that the policy asks for (failed: json_schema "
        "and language), 1.40 s, $0.000812.",
        "  2. fell back: b-mini answered, 1.40 s, $0.000812.",
        "  3. for advice: d-large answered, 1.40 s, $0.000812.",
        "  4. with that advice: b-mini answered, 1.40 s, $0.000812.",
    ]


def test_what_was_done_about_the_answer_is_told() -> None:
    record = replace(
        ANSWERED,
        outcome="escalated",
        cache=CacheUse(state=CacheState.MISS, reason="nothing alike is kept"),
        confidence=AnswerConfidence(value=0.42, source=ConfidenceSource.SELF_RATING),
        advice=Advice(
            target="d-large",
            followed=True,
            cost_microusd=2_500,
            latency_ms=900,
            reason="the confidence was below 0.70.",
        ),
        escalation="the answer's confidence is 0.42 of 1",
        budgets=(
            Balance(account=Account(scope=BudgetScope.TICKET, key="4711"), spent_microusd=900),
        ),
    )
    sections = tell(record).split("\n\n")

    assert sections[1].splitlines() == [
        "How it ended",
        "  No answer was published: a person has to take over.",
        "  It took 1.43 s, for $0.000812.",
        "  The model mini-2026 read 1,020 tokens and wrote 90; it finished with stop. "
        "Prices: genai-prices 0.2.3.",
        "  No kept answer would do: nothing alike is kept.",
        "  Confidence in the answer: 0.42 of 1, by the model's own rating.",
        "  d-large was asked for its judgement, and its advice was followed (900 ms, $0.002500): "
        "the confidence was below 0.70.",
        "  A person has to take over: the answer's confidence is 0.42 of 1.",
    ]
    assert sections[3] == "The budgets afterwards\n  Ticket 4711 has spent $0.000900."


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (CacheState.HIT, "A kept answer was given again: same words."),
        (CacheState.MISS, "No kept answer would do: same words."),
        (CacheState.BYPASS, "The cache was left out: same words."),
    ],
)
def test_the_caches_part_is_told(state: CacheState, words: str) -> None:
    assert words in tell(replace(ANSWERED, cache=CacheUse(state=state, reason="same words")))


def test_advice_that_came_to_nothing_is_told() -> None:
    advice = Advice(target="d", followed=False, cost_microusd=0, latency_ms=5, reason="timeout")

    assert (
        "  d was asked for its judgement, and nothing came of it (5 ms, $0.000000): timeout.\n"
    ) in tell(replace(ANSWERED, advice=advice))


def test_a_change_of_a_policy_is_no_call() -> None:
    event = PolicyEvent(
        change=PolicyChange.PROMOTED,
        policy="support@4",
        who="ada",
        why="It held.",
        before="support@3",
    )
    record = Record(
        decision_id="dec_9",
        at_ms=1_795_219_200_000,
        tenant="local",
        principal="ada",
        transport="cli",
        tool="policy promote",
        outcome="ok",
        latency_ms=3,
        event=event,
    )

    assert tell(record).splitlines() == [
        "policy promote at 2026-11-21 00:00:00 UTC (dec_9)",
        "  Called by ada of tenant local, over cli.",
        "",
        "What changed",
        "  support@4 serves everybody from now on, in place of support@3.",
        "  By ada: It held.",
    ]


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
