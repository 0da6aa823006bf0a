"""The first rule whose condition holds decides; a condition asks only what it says."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import pytest

from mcp_router.decide.match import Matcher
from mcp_router.domain.policy import Condition, Rule
from mcp_router.domain.signals import Intent, Signals
from tests.decide.examples import COMPLETION as PLAIN
from tests.decide.examples import rule

# A call of which everything is known, so that one condition can ask for all of it.
COMPLETION = replace(
    PLAIN,
    tools_required=True,
    retrieval_confidence=0.5,
    safety_flags=("abuse", "threat"),
    sensitive_topics=("legal", "medical"),
    pii_kinds=("card", "email"),
    ticket_status="open",
    ticket_priority="urgent",
    complexity=0.5,
    cache_similarity=0.95,
    deadline_s=8.0,
    ticket_spend_microusd=5_000,
)
SURE = Intent(name="refund_dispute", confidence=0.8)


def holds(condition: Condition, signals: Signals) -> bool:
    return Matcher((condition,)).match(signals) is not None


def first_of(rules: Sequence[Rule], signals: Signals) -> Rule | None:
    at = Matcher([one.when for one in rules]).match(signals)
    return None if at is None else rules[at]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A condition of one field, with calls that meet it and calls that do not."""

    asked: Condition
    met: tuple[Signals, ...]
    missed: tuple[Signals, ...]


# One case for every field of Condition: a new field without a case fails the test below it, and
# with a case it fails until the matcher reads the field.
CASES = {
    "tools": Case(
        asked=Condition(tools=("lookup_ticket", "route_completion")),
        met=(COMPLETION, replace(COMPLETION, tool="lookup_ticket")),
        missed=(replace(COMPLETION, tool="create_ticket"),),
    ),
    "intents": Case(
        asked=Condition(intents=("account_recovery", "refund_dispute")),
        met=(COMPLETION,),
        missed=(
            replace(COMPLETION, intent=Intent(name="password_reset", confidence=1.0)),
            replace(COMPLETION, intent=Intent(name=None, confidence=0.0)),
        ),
    ),
    "min_confidence": Case(
        asked=Condition(min_confidence=0.8),
        met=(COMPLETION, replace(COMPLETION, intent=replace(SURE, confidence=0.81))),
        missed=(replace(COMPLETION, intent=replace(SURE, confidence=0.79)),),
    ),
    "customer_tiers": Case(
        asked=Condition(customer_tiers=("enterprise", "VIP")),
        met=(COMPLETION, replace(COMPLETION, customer_tier="Enterprise")),
        missed=(
            replace(COMPLETION, customer_tier="free"),
            replace(COMPLETION, customer_tier=None),
        ),
    ),
    "tenants": Case(
        asked=Condition(tenants=("acme",)),
        met=(COMPLETION,),
        missed=(replace(COMPLETION, tenant="ACME"), replace(COMPLETION, tenant="globex")),
    ),
    "locales": Case(
        asked=Condition(locales=("de", "fr-CA")),
        met=tuple(
            replace(COMPLETION, locale=one) for one in ("de-AT", "de", "DE_ch", "fr-ca", "fr_CA")
        ),
        missed=tuple(replace(COMPLETION, locale=one) for one in ("fr", "fr-FR", "den", "en", None)),
    ),
    "channels": Case(
        asked=Condition(channels=("voice", "Email")),
        met=(COMPLETION, replace(COMPLETION, channel="VOICE")),
        missed=(replace(COMPLETION, channel="chat"), replace(COMPLETION, channel=None)),
    ),
    "min_prompt_tokens": Case(
        asked=Condition(min_prompt_tokens=1_000),
        met=(COMPLETION,),
        missed=(replace(COMPLETION, prompt_tokens=999),),
    ),
    "max_prompt_tokens": Case(
        asked=Condition(max_prompt_tokens=1_000),
        met=(COMPLETION, replace(COMPLETION, prompt_tokens=0)),
        missed=(replace(COMPLETION, prompt_tokens=1_001),),
    ),
    "min_turns": Case(
        asked=Condition(min_turns=5),
        met=(COMPLETION, replace(COMPLETION, turns=6)),
        missed=(replace(COMPLETION, turns=4),),
    ),
    "tools_offered": Case(
        asked=Condition(tools_offered=True),
        met=(COMPLETION, replace(COMPLETION, tools_offered=1)),
        missed=(replace(COMPLETION, tools_offered=0),),
    ),
    "max_turns": Case(
        asked=Condition(max_turns=5),
        met=(COMPLETION, replace(COMPLETION, turns=0)),
        missed=(replace(COMPLETION, turns=6),),
    ),
    "tools_required": Case(
        asked=Condition(tools_required=True),
        met=(COMPLETION,),
        missed=(replace(COMPLETION, tools_required=False),),
    ),
    "min_retrieval_confidence": Case(
        asked=Condition(min_retrieval_confidence=0.4),
        met=(COMPLETION, replace(COMPLETION, retrieval_confidence=0.4)),
        missed=(
            replace(COMPLETION, retrieval_confidence=0.39),
            replace(COMPLETION, retrieval_confidence=None),
        ),
    ),
    "max_retrieval_confidence": Case(
        asked=Condition(max_retrieval_confidence=0.6),
        met=(COMPLETION, replace(COMPLETION, retrieval_confidence=0.6)),
        missed=(
            replace(COMPLETION, retrieval_confidence=0.61),
            replace(COMPLETION, retrieval_confidence=None),
        ),
    ),
    "safety_flags": Case(
        asked=Condition(safety_flags=("Self-Harm", "threat")),
        met=(COMPLETION, replace(COMPLETION, safety_flags=("abuse", "SELF-harm"))),
        missed=(
            replace(COMPLETION, safety_flags=("abuse",)),
            replace(COMPLETION, safety_flags=()),
        ),
    ),
    "sensitive_topics": Case(
        asked=Condition(sensitive_topics=("legal",)),
        met=(COMPLETION, replace(COMPLETION, sensitive_topics=("Legal",))),
        missed=(
            replace(COMPLETION, sensitive_topics=("medical",)),
            replace(COMPLETION, sensitive_topics=()),
        ),
    ),
    "pii_kinds": Case(
        asked=Condition(pii_kinds=("IBAN", "card")),
        met=(COMPLETION, replace(COMPLETION, pii_kinds=("email", "iban"))),
        missed=(replace(COMPLETION, pii_kinds=("email",)), replace(COMPLETION, pii_kinds=())),
    ),
    "ticket_statuses": Case(
        asked=Condition(ticket_statuses=("Open", "pending")),
        met=(COMPLETION, replace(COMPLETION, ticket_status="PENDING")),
        missed=(
            replace(COMPLETION, ticket_status="solved"),
            replace(COMPLETION, ticket_status=None),
        ),
    ),
    "ticket_priorities": Case(
        asked=Condition(ticket_priorities=("urgent",)),
        met=(COMPLETION, replace(COMPLETION, ticket_priority="Urgent")),
        missed=(
            replace(COMPLETION, ticket_priority="low"),
            replace(COMPLETION, ticket_priority=None),
        ),
    ),
    "min_complexity": Case(
        asked=Condition(min_complexity=0.5),
        met=(COMPLETION, replace(COMPLETION, complexity=0.6)),
        missed=(replace(COMPLETION, complexity=0.49),),
    ),
    "max_complexity": Case(
        asked=Condition(max_complexity=0.5),
        met=(COMPLETION, replace(COMPLETION, complexity=0.0)),
        missed=(replace(COMPLETION, complexity=0.51),),
    ),
    "min_cache_similarity": Case(
        asked=Condition(min_cache_similarity=0.9),
        met=(COMPLETION, replace(COMPLETION, cache_similarity=1.0)),
        missed=(
            replace(COMPLETION, cache_similarity=0.89),
            replace(COMPLETION, cache_similarity=None),
        ),
    ),
    "min_deadline_s": Case(
        asked=Condition(min_deadline_s=2.0),
        met=(COMPLETION, replace(COMPLETION, deadline_s=2.0)),
        missed=(replace(COMPLETION, deadline_s=1.9), replace(COMPLETION, deadline_s=None)),
    ),
    "max_deadline_s": Case(
        asked=Condition(max_deadline_s=10.0),
        met=(COMPLETION, replace(COMPLETION, deadline_s=0.0)),
        missed=(replace(COMPLETION, deadline_s=10.1), replace(COMPLETION, deadline_s=None)),
    ),
    "min_ticket_spend_microusd": Case(
        asked=Condition(min_ticket_spend_microusd=5_000),
        met=(COMPLETION, replace(COMPLETION, ticket_spend_microusd=9_000)),
        missed=(replace(COMPLETION, ticket_spend_microusd=4_999),),
    ),
}


def test_every_field_of_a_condition_has_a_case() -> None:
    assert list(CASES) == [field.name for field in fields(Condition)]


@pytest.mark.parametrize("name", CASES)
def test_a_case_asks_for_its_field_only(name: str) -> None:
    asked = [
        field.name
        for field in fields(Condition)
        if getattr(CASES[name].asked, field.name) != getattr(Condition(), field.name)
    ]

    assert asked == [name]


@pytest.mark.parametrize("name", CASES)
def test_a_condition_holds_for_the_calls_that_meet_it(name: str) -> None:
    case = CASES[name]

    assert [holds(case.asked, signals) for signals in case.met] == [True] * len(case.met)
    assert [holds(case.asked, signals) for signals in case.missed] == [False] * len(case.missed)


def test_a_condition_that_asks_nothing_always_holds() -> None:
    assert holds(Condition(), COMPLETION)
    assert holds(Condition(), Signals(tool="lookup_ticket", tenant="acme"))


def test_tools_offered_may_be_forbidden() -> None:
    asked = Condition(tools_offered=False)

    assert holds(asked, replace(COMPLETION, tools_offered=0))
    assert not holds(asked, COMPLETION)


def test_zero_is_a_bound_and_not_the_lack_of_one() -> None:
    assert not holds(Condition(max_prompt_tokens=0), COMPLETION)
    assert holds(Condition(min_confidence=0.0), COMPLETION)


def test_an_intent_counts_only_from_the_confidence_that_the_rule_asks() -> None:
    asked = Condition(intents=("refund_dispute",), min_confidence=0.6)

    assert holds(asked, COMPLETION)
    assert not holds(asked, replace(COMPLETION, intent=replace(SURE, confidence=0.59)))
    assert not holds(
        asked, replace(COMPLETION, intent=Intent(name="password_reset", confidence=0.99))
    )


@pytest.mark.parametrize("name", CASES)
def test_everything_that_a_condition_asks_must_hold(name: str) -> None:
    every = Condition()

    for field, case in CASES.items():
        every = replace(every, **{field: getattr(case.asked, field)})

    missed = CASES[name].missed
    assert holds(every, COMPLETION)
    assert [holds(every, signals) for signals in missed] == [False] * len(missed)


def test_the_first_rule_that_holds_decides() -> None:
    never = rule("never", "cost", when=Condition(tenants=("globex",)))
    first = rule("first", "cost", when=Condition(channels=("email",)))
    second = rule("second", "quality")

    assert first_of((never, first, second), COMPLETION) is first
    assert first_of((never, second, first), COMPLETION) is second


def test_a_call_may_fall_under_no_rule() -> None:
    assert (
        first_of((rule("never", "cost", when=Condition(tenants=("globex",))),), COMPLETION) is None
    )
    assert first_of((), COMPLETION) is None


def test_rules_about_a_tool_and_an_intent_keep_their_order_among_the_others() -> None:
    rules = (
        rule("lookups", "cost", when=Condition(tools=("lookup_ticket",))),
        rule("both", "cost", when=Condition(tools=("route_completion",), intents=("a", "b"))),
        rule("intent", "cost", when=Condition(intents=("b",))),
        rule("tool", "cost", when=Condition(tools=("route_completion",))),
        rule("all", "cost"),
    )
    found = {
        (tool, intent): first_of(
            rules, replace(COMPLETION, tool=tool, intent=Intent(name=intent, confidence=1.0))
        )
        for tool in ("lookup_ticket", "route_completion", "get_action")
        for intent in ("a", "b", "stranger", None)
    }

    assert {key: one.id for key, one in found.items() if one is not None} == {
        ("lookup_ticket", "a"): "lookups",
        ("lookup_ticket", "b"): "lookups",
        ("lookup_ticket", "stranger"): "lookups",
        ("lookup_ticket", None): "lookups",
        ("route_completion", "a"): "both",
        ("route_completion", "b"): "both",
        ("route_completion", "stranger"): "tool",
        ("route_completion", None): "tool",
        ("get_action", "a"): "all",
        ("get_action", "b"): "intent",
        ("get_action", "stranger"): "all",
        ("get_action", None): "all",
    }
