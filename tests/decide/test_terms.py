"""Hard limits: whoever passes one may not serve the call, and a person can read why."""

from dataclasses import replace

import pytest

from mcp_router.decide.terms import Terms, cost_or_refusal
from mcp_router.domain.budget import Account, Balance, BudgetScope, SpendView
from mcp_router.domain.health import BreakerState, TargetHealth
from mcp_router.domain.policy import PoolTarget, Requirements
from mcp_router.domain.target import TargetFacts, TargetKind
from tests.decide.examples import COMPLETION, LIMITS, LOOKUP, desk, model, terms

TARGET = PoolTarget(target="m", quality=0.7)
MODEL = replace(
    model("m", 5_000),
    context_tokens=1_800,
    residency="eu",
    retention_days=30,
    capabilities=("json", "tools"),
    health=TargetHealth(attempts=50, p95_ms=1_200),
)


def asked(known: TargetFacts | None = MODEL, *, of: Terms | None = None) -> int | str:
    return cost_or_refusal(known, TARGET, TargetKind.MODEL, of or terms())


def balance(scope: BudgetScope, left: int | None, *, held: int = 0) -> Balance:
    limit = None if left is None else left + 700 + held
    account = Account(scope=scope, key="k", limit_microusd=limit)
    return Balance(account=account, spent_microusd=700, held_microusd=held)


def test_who_passes_every_limit_is_told_its_cost() -> None:
    assert asked() == 5_000


def test_a_target_must_be_configured() -> None:
    assert asked(None) == "it is not configured in router.yaml"


def test_a_desk_is_no_model() -> None:
    assert asked(desk("m")) == (
        "router.yaml has a desk of that name, and the pool asks for a model"
    )


def test_an_open_breaker_lets_nothing_through_and_a_half_open_one_may() -> None:
    health = replace(MODEL.health, breaker=BreakerState.OPEN)
    trying = replace(MODEL.health, breaker=BreakerState.HALF_OPEN)

    assert asked(replace(MODEL, health=health)) == (
        "its circuit breaker is open: it failed too often just now"
    )
    assert asked(replace(MODEL, health=trying)) == 5_000


def test_a_context_window_must_hold_prompt_and_answer() -> None:
    assert asked(replace(MODEL, context_tokens=1_799)) == (
        "prompt and answer need about 1,800 tokens, and it takes 1,799"
    )
    assert asked(replace(MODEL, context_tokens=None)) == 5_000


def test_an_answer_is_as_long_as_the_call_and_the_rule_allow() -> None:
    tight = replace(MODEL, context_tokens=1_100)

    assert asked(tight, of=terms(replace(COMPLETION, answer_tokens=100))) == 5_000
    assert asked(tight, of=terms(replace(COMPLETION, answer_tokens=101))) == (
        "prompt and answer need about 1,101 tokens, and it takes 1,100"
    )
    assert asked(of=terms(replace(COMPLETION, answer_tokens=9_000))) == 5_000


def test_a_model_of_unknown_price_is_not_taken_for_free() -> None:
    assert asked(replace(MODEL, price=None)) == (
        "nobody knows its price; router.yaml can give it one"
    )


def test_the_rule_has_a_budget() -> None:
    exact = terms(limits=replace(LIMITS, budget_microusd=5_000))
    less = terms(limits=replace(LIMITS, budget_microusd=4_999))

    assert asked(of=exact) == 5_000
    assert asked(of=less) == (
        "it would cost about $0.005000, more than the rule's budget of $0.004999"
    )


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (BudgetScope.REQUEST, "this call's account"),
        (BudgetScope.TICKET, "this ticket's account"),
        (BudgetScope.RUN, "this run's account"),
        (BudgetScope.TENANT, "the tenant's account of this month"),
    ],
)
def test_every_account_must_cover_the_cost_and_the_tightest_is_named(
    scope: BudgetScope, words: str
) -> None:
    others = tuple(balance(one, 90_000) for one in BudgetScope if one is not scope)
    spend = SpendView(balances=(*others, balance(scope, 4_999, held=12)))

    assert asked(of=terms(spend=spend)) == (
        f"it would cost about $0.005000, more than the $0.004999 that {words} has left"
    )


def test_accounts_that_cover_the_cost_refuse_nobody() -> None:
    spend = SpendView(
        balances=(balance(BudgetScope.TICKET, None), balance(BudgetScope.TENANT, 5_000))
    )

    assert asked(of=terms(spend=spend)) == 5_000


def test_what_costs_nothing_needs_no_money() -> None:
    spend = SpendView(balances=(balance(BudgetScope.TENANT, 0),))
    free = cost_or_refusal(desk("d"), TARGET, TargetKind.DESK, terms(LOOKUP, spend=spend))

    assert free == 0


def test_a_target_must_take_tools_where_the_call_brings_some() -> None:
    plain = replace(MODEL, capabilities=("json",))
    without = replace(COMPLETION, tools_offered=0)

    assert asked(plain) == "it takes no tools, and the call brings some"
    assert asked(plain, of=terms(replace(without, tools_required=True))) == (
        "it takes no tools, and the call brings some"
    )
    assert asked(plain, of=terms(without)) == 5_000
    assert asked(replace(MODEL, capabilities=None)) == 5_000


@pytest.mark.parametrize(
    ("requires", "known", "reason"),
    [
        (
            Requirements(max_p95_ms=1_199),
            MODEL,
            "5 of 100 of its answers take longer than 1,200 ms, and the rule allows 1,199 ms",
        ),
        (
            Requirements(min_quality=0.71),
            MODEL,
            "its quality of 0.7 is below the 0.71 that the rule asks for",
        ),
        (
            Requirements(capabilities=("json", "vision")),
            MODEL,
            'it lacks the capability "vision" that the rule asks for',
        ),
        (
            Requirements(residency=("ch", "uk")),
            MODEL,
            "it keeps data in eu, and the rule asks for ch or uk",
        ),
        (
            Requirements(residency=("eu",)),
            replace(MODEL, residency=None),
            "nobody knows where it keeps data, and the rule asks for eu",
        ),
        (
            Requirements(max_retention_days=29),
            MODEL,
            "it keeps data for 30 days, and the rule allows 29",
        ),
        (
            Requirements(max_retention_days=0),
            replace(MODEL, retention_days=None),
            "nobody knows how long it keeps data, and the rule allows 0 days",
        ),
    ],
)
def test_what_a_rule_requires_must_be_known_and_true(
    requires: Requirements, known: TargetFacts, reason: str
) -> None:
    assert asked(known, of=terms(requires=requires)) == reason


@pytest.mark.parametrize(
    ("requires", "known"),
    [
        (Requirements(max_p95_ms=1_200), MODEL),
        (Requirements(max_p95_ms=1), replace(MODEL, health=TargetHealth())),  # not measured yet
        (Requirements(min_quality=0.7), MODEL),
        (Requirements(capabilities=("tools", "json")), MODEL),
        (Requirements(capabilities=("vision",)), replace(MODEL, capabilities=None)),
        (Requirements(residency=("us", "EU")), MODEL),
        (Requirements(max_retention_days=30), MODEL),
        (Requirements(max_retention_days=0), replace(MODEL, retention_days=0)),
    ],
)
def test_what_fulfils_a_requirement_may_serve(requires: Requirements, known: TargetFacts) -> None:
    assert asked(known, of=terms(requires=requires)) == 5_000
