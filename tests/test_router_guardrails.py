"""What stands between a model's answer and a customer: cache, budgets, checks, advice, the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from mcp_router.domain.action import ActionState
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.budget import BudgetPlan, BudgetScope
from mcp_router.domain.call import Call
from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    FinishReason,
    Message,
    Role,
)
from mcp_router.domain.guardrails import (
    AnswerChecks,
    CachePlan,
    CacheState,
    CacheUse,
    ConfidencePlan,
    ConfidenceSource,
)
from mcp_router.domain.policy import Policy, PolicyIntent, PoolStrategy, Rule
from mcp_router.errors import BudgetExceeded, DeadlineExceeded, SendFailed, TargetsExhausted
from mcp_router.router import Completed, Order
from mcp_router.signals.collect import CallerFacts
from mcp_router.testing.desks import lost_answer
from tests.decide.examples import policy, pool, rule
from tests.execute.walks import House, completion
from tests.storage.rows import action

QUESTION = "Where is my parcel?"
NO_BUDGETS = BudgetPlan()
RATED = ConfidencePlan(sources=(ConfidenceSource.SELF_RATING,))


def order(
    text: str = QUESTION, *, ticket: str | None = "7", deadline_s: float | None = None
) -> Order:
    ask = CompletionRequest(messages=(Message(role=Role.USER, content=text),))
    return Order(request=ask, facts=CallerFacts(deadline_s=deadline_s), ticket_id=ticket)


def one_rule(
    asked: Rule, *, intents: tuple[PolicyIntent, ...] = (), budgets: BudgetPlan = NO_BUDGETS
) -> Policy:
    """Return a policy in which every question goes to `small`, and `big` advises."""
    made = policy(
        (asked,),
        (
            pool("ask", PoolStrategy.AS_LISTED, ("small", 0.5), ("other", 0.5)),
            pool("advisors", PoolStrategy.AS_LISTED, ("big", 0.9)),
        ),
    )
    return replace(made, intents=intents, budgets=budgets)


def house(made: Policy, **answers: Sequence[Completion | SendFailed]) -> House:
    said: Mapping[str, Sequence[Completion | SendFailed]] = {
        name: answers.get(name, ()) for name in ("small", "other", "big")
    }
    return House(answers=said, only=made)


async def ask(
    one: House, wanted: Order | None = None, *, tenant: str = "acme", run_id: str | None = None
) -> Completed:
    call = one.call("route_completion", tenant=tenant, run_id=run_id)
    return await one.router.complete(call, wanted or order())


async def test_the_same_question_is_answered_from_the_cache_and_costs_nothing() -> None:
    asked = rule("ask", "ask")
    one = house(one_rule(replace(asked, cache=CachePlan(ttl_s=60))), small=[completion()])

    first = await ask(one)
    again = await ask(one, order("where is my parcel"))

    assert (first.cache and first.cache.state) is CacheState.MISS
    assert (again.cache and again.cache.state) is CacheState.HIT
    assert (again.completion, again.target) == (completion(), "small")
    assert (again.cost_microusd, again.attempts) == (0, ())
    assert one.record.cache == again.cache
    assert one.record.target == "small"


async def test_an_answer_is_kept_no_longer_than_the_rule_says() -> None:
    asked = replace(rule("ask", "ask"), cache=CachePlan(ttl_s=60))
    one = house(one_rule(asked), small=[completion(), completion("Newer.")])

    await ask(one)
    one.clock.advance(61)

    assert (await ask(one)).completion.text == "Newer."


async def test_nobody_is_given_the_answer_of_another_tenant() -> None:
    asked = replace(rule("ask", "ask"), cache=CachePlan(ttl_s=60))
    one = house(one_rule(asked), small=[completion(), completion("Theirs.")])

    await ask(one)

    assert (await ask(one, tenant="other")).completion.text == "Theirs."


async def test_an_answer_made_from_what_its_run_has_done_is_never_kept() -> None:
    asked = replace(rule("ask", "ask"), cache=CachePlan(ttl_s=60))
    one = house(one_rule(asked), small=[completion("As I wrote."), completion("For anybody.")])
    await one.ledger.reserve(action(run_id="run-1", state=ActionState.SENDING))

    first = await ask(one, run_id="run-1")
    second = await ask(one)

    assert (first.completion.text, second.completion.text) == ("As I wrote.", "For anybody.")


async def test_an_answer_about_one_account_is_never_kept() -> None:
    intent = PolicyIntent(name="parcel", examples=(QUESTION,), account_specific=True)
    asked = replace(rule("ask", "ask"), cache=CachePlan(ttl_s=60))
    one = house(
        one_rule(asked, intents=(intent,)), small=[completion(), completion("Asked again.")]
    )

    await ask(one)
    again = await ask(one)

    assert (again.cache and again.cache.state) is CacheState.BYPASS
    assert again.completion.text == "Asked again."


async def test_the_record_says_why_the_cache_was_not_asked() -> None:
    asked = rule("ask", "ask")
    plain = house(one_rule(asked), small=[completion()])
    kept = house(one_rule(replace(asked, cache=CachePlan(ttl_s=60))), small=[completion()] * 2)
    long = order("parcel " * 400)

    await ask(plain)
    first, again = await ask(kept, long), await ask(kept, long)

    assert plain.record.cache == CacheUse(
        state=CacheState.BYPASS, reason="the rule keeps no answers"
    )
    assert first.cache == again.cache == kept.record.cache
    assert again.cache == CacheUse(
        state=CacheState.BYPASS, reason="the question is too long to be compared"
    )


async def test_an_answer_that_breaks_a_check_moves_the_chain_on_and_is_paid_for() -> None:
    checks = AnswerChecks(forbidden_phrases=("i guarantee",))
    one = house(
        one_rule(replace(rule("ask", "ask"), checks=checks)),
        small=[completion("I guarantee it.")],
        other=[completion("It is on its way.")],
    )

    done = await ask(one)

    assert (done.target, done.completion.text) == ("other", "It is on its way.")
    assert [(a.target, a.reason, a.failed_checks, a.cost_microusd) for a in done.attempts] == [
        ("small", Reason.CHECKS_FAILED, ("forbidden_phrases",), 10),
        ("other", Reason.OK, (), 10),
    ]
    assert done.cost_microusd == 20


async def test_no_answer_is_better_than_one_that_breaks_the_checks() -> None:
    checks = AnswerChecks(max_characters=3)
    one = house(
        one_rule(replace(rule("ask", "ask"), checks=checks)),
        small=[completion("Too long.")],
        other=[completion("Too long.")],
    )

    with pytest.raises(TargetsExhausted, match=r"small: checks_failed, other: checks_failed"):
        await ask(one)

    assert one.record.cost_microusd == 20


async def test_below_the_floor_nothing_is_published_and_a_person_takes_over() -> None:
    floor = replace(RATED, floor=0.5)
    one = house(
        one_rule(replace(rule("ask", "ask"), confidence=floor)),
        small=[completion("Perhaps.\nConfidence: 0.3")],
    )

    done = await ask(one)

    assert (done.completion.text, done.completion.finish_reason, done.target) == (
        "",
        FinishReason.ESCALATED,
        None,
    )
    assert done.escalation is not None
    assert "0.30" in done.escalation
    assert (one.record.outcome, one.record.escalation) == ("escalated", done.escalation)
    assert "Perhaps" not in repr(one.record)
    assert one.record.cost_microusd == 10


async def test_a_ticket_that_has_cost_too_much_goes_to_a_person_unasked() -> None:
    plan = BudgetPlan(ticket_expected_microusd=2, hand_over_at=3)
    one = house(one_rule(rule("ask", "ask"), budgets=plan), small=[completion()] * 2)

    await ask(one)
    second = await ask(one)
    other = await ask(one, order(ticket="8"))

    assert second.completion.finish_reason is FinishReason.ESCALATED
    assert second.escalation is not None
    assert (second.attempts, second.cost_microusd) == ((), 0)
    assert other.completion == completion()


async def test_a_budget_that_is_used_up_refuses_and_says_which() -> None:
    plan = BudgetPlan(ticket_microusd=1_000)
    answers = [completion(tokens=97)] * 3
    one = house(one_rule(rule("ask", "ask"), budgets=plan), small=answers)

    for _ in range(2):
        await ask(one)

    with pytest.raises(BudgetExceeded, match="budget of this ticket") as refused:
        await ask(one)

    assert "person" in refused.value.advice
    assert one.record.error_code == "budget_exceeded"
    assert (await ask(one, order(ticket="8"))).target == "small"


async def test_the_record_says_how_each_budget_stood_after_the_call() -> None:
    plan = BudgetPlan(ticket_microusd=5_000, run_microusd=9_000, tenant_month_microusd=90_000)
    one = house(one_rule(rule("ask", "ask"), budgets=plan), small=[completion()])

    await ask(one, run_id="run-1")

    assert [
        (balance.account.scope, balance.account.key, balance.spent_microusd, balance.held_microusd)
        for balance in one.record.budgets
    ] == [
        (BudgetScope.TICKET, "7", 10, 0),
        (BudgetScope.RUN, "run-1", 10, 0),
        (BudgetScope.TENANT, "2026-11", 10, 0),
    ]


async def test_a_lost_answer_counts_as_spent_in_full() -> None:
    plan = BudgetPlan(ticket_microusd=5_000)
    one = house(
        one_rule(rule("ask", "ask"), budgets=plan), small=[lost_answer()], other=[completion()]
    )

    await ask(one)

    assert one.record.decision is not None
    estimate = one.record.decision.candidates[0].estimated_microusd
    assert one.record.budgets[0].spent_microusd == estimate + 10


async def test_what_the_ticket_has_cost_is_a_signal_of_its_next_call() -> None:
    one = house(one_rule(rule("ask", "ask")), small=[completion()] * 2)

    await ask(one)
    second = await ask(one)

    assert second.decision.signals.ticket_spend_microusd == 10


async def test_the_callers_deadline_shortens_that_of_the_rule() -> None:
    refused = SendFailed(
        "Later.", evidence=Evidence.NOT_APPLIED, reason=Reason.RATE_LIMITED, retry_after_s=5.0
    )
    one = house(one_rule(rule("ask", "ask")), small=[refused], other=[refused])

    with pytest.raises(DeadlineExceeded):
        await ask(one, order(deadline_s=4.0))


async def test_text_is_handed_on_as_it_comes_and_a_break_is_told() -> None:
    broken = replace(completion("Tomorrow, by"), finish_reason=FinishReason.INCOMPLETE)
    one = house(one_rule(rule("ask", "ask")), small=[broken], other=[completion()])
    heard: list[str] = []

    done = await one.router.complete(listening(one, heard), order())

    assert "".join(heard) == "Tomorrow, by"
    assert (done.target, done.completion.finish_reason) == ("small", FinishReason.INCOMPLETE)
    assert [(a.target, a.reason) for a in done.attempts] == [("small", Reason.INCOMPLETE)]
    assert one.record.outcome == "incomplete"


async def test_an_answer_that_may_be_withheld_is_not_handed_on_while_it_is_written() -> None:
    checks = AnswerChecks(max_characters=100)
    one = house(one_rule(replace(rule("ask", "ask"), checks=checks)), small=[completion()])
    heard: list[str] = []

    done = await one.router.complete(listening(one, heard), order())

    assert (heard, done.completion) == ([], completion())


def listening(one: House, heard: list[str]) -> Call:
    async def emit(text: str) -> None:
        heard.append(text)

    return replace(one.call("route_completion"), emit=emit)
