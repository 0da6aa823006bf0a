"""What changed between two versions: nothing is left out, and what moved is told as moved."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.budget import BudgetPlan
from mcp_router.domain.guardrails import (
    AdvisorPlan,
    AnswerChecks,
    CachePlan,
    ConfidencePlan,
    ConfidenceSource,
)
from mcp_router.domain.policy import (
    Condition,
    FallbackOrder,
    Policy,
    PolicyIntent,
    Pool,
    PoolStrategy,
    PoolTarget,
    Requirements,
    Rule,
)
from mcp_router.domain.policy_case import Expected, PolicyCase
from mcp_router.domain.signals import Intent, SignalOrigin, Signals, SignalSource
from mcp_router.domain.target import TargetKind
from mcp_router.policy.difference import Change, ChangeKind, difference, tell_change
from mcp_router.policy.source import examine
from tests.decide.examples import LIMITS
from tests.domain.arbitrary import values
from tests.policy.documents import VALID

FULL = Policy(
    name="shop",
    version=2,
    owner="support",
    description="A small shop.",
    changes="All of it.",
    digest="d2",
    intents=(PolicyIntent(name="returns", examples=("can I return this",)),),
    pools=(
        Pool(
            name="cheap",
            kind=TargetKind.MODEL,
            goal="cost",
            strategy=PoolStrategy.COST_OPTIMIZED,
            targets=(PoolTarget(target="nano", quality=0.4),),
        ),
    ),
    rules=(
        Rule(
            id="returns",
            why="It is a known rule.",
            when=Condition(
                tools=("route_completion",),
                intents=("returns",),
                min_confidence=0.5,
                customer_tiers=("vip",),
                max_turns=9,
                max_prompt_tokens=4_000,
                tools_required=False,
                min_ticket_spend_microusd=10_000,
            ),
            pool="cheap",
            limits=LIMITS,
            fallback=("strong",),
            requires=Requirements(
                min_quality=0.5,
                max_p95_ms=900,
                residency=("eu",),
                max_retention_days=30,
                capabilities=("tools",),
            ),
            checks=AnswerChecks(
                json_schema="{}",
                max_characters=10,
                required_phrases=("please",),
                forbidden_phrases=("never",),
                language="same",
                citations=1,
            ),
            confidence=ConfidencePlan(sources=(ConfidenceSource.CHECKS,), floor=0.5),
            advisor=AdvisorPlan(pool="cheap", below=0.5, max_microusd=100),
            cache=CachePlan(ttl_s=60.0),
        ),
    ),
    evaluation="report.json",
    budgets=BudgetPlan(
        ticket_microusd=1,
        run_microusd=2,
        tenant_month_microusd=3,
        ticket_expected_microusd=4,
        hand_over_at=5.0,
    ),
    cases=(
        PolicyCase(
            name="a return",
            given=Signals(
                tool="route_completion",
                tenant="acme",
                intent=Intent(name="returns", confidence=0.5),
                customer_tier="vip",
                locale="de",
                channel="email",
                answer_tokens=100,
                retrieval_confidence=0.5,
                safety_flags=("a",),
                sensitive_topics=("a",),
                pii_kinds=("a",),
                ticket_status="open",
                ticket_priority="high",
                cache_similarity=0.5,
                deadline_s=10.0,
                sources=(SignalOrigin(signal="locale", source=SignalSource.CALLER),),
            ),
            expected=Expected(
                rule="returns", pool="cheap", target="nano", cache=False, refused=False
            ),
            text="can I return this",
        ),
    ),
)


def variants(value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield every value that differs in one field, with the path of that field."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            for path, other in variants(getattr(value, field.name)):
                yield (field.name, *path), replace(value, **{field.name: other})
    elif isinstance(value, tuple):
        for place, one in enumerate(value):
            yield (), (*value[:place], *value[place + 1 :])
            changed = variants(one) if is_dataclass(one) else ()
            yield from ((path, (other,)) for path, other in changed)

        yield (), (*value, *value[:1], *(() if value else ("another",)))
    else:
        yield (), another(value)


def another(value: object) -> object:
    """Return another value of the same type; what is None gets one."""
    if isinstance(value, Enum):
        return next(one for one in type(value) if one is not value)

    if isinstance(value, bool):
        return not value

    if isinstance(value, int | float):
        return value + 1

    return f"{value or ''}x"


# A part with another name is another part; the origins of a case's signals are told as one list.
NAMING: set[tuple[str, ...]] = {
    ("intents", "name"),
    ("pools", "name"),
    ("rules", "id"),
    ("cases", "name"),
}
NAMING |= {("pools", "targets", "target"), ("intents", "examples")}
NAMING |= {("cases", "given", "sources", field) for field in ("signal", "source")}


def test_every_field_of_a_policy_is_compared() -> None:
    missed = []

    for path, other in variants(FULL):
        assert isinstance(other, Policy)
        changes = difference(FULL, other)
        at = {name for change in changes for name in change.where}
        wanted = set(path[:1] if path in NAMING else path)

        if not changes or not wanted <= at or not all(map(tell_change, changes)):
            missed.append(path)

    assert missed == []


@given(
    intents=st.tuples(values(tuple[PolicyIntent, ...]), values(tuple[PolicyIntent, ...])),
    pools=st.tuples(values(tuple[Pool, ...]), values(tuple[Pool, ...])),
)
def test_equal_policies_and_only_those_have_no_difference(
    intents: tuple[tuple[PolicyIntent, ...], ...], pools: tuple[tuple[Pool, ...], ...]
) -> None:
    a, b = (replace(FULL, intents=intents[side], pools=pools[side]) for side in (0, 1))

    assert (difference(a, b) == ()) == (a == b)
    assert difference(a, replace(a)) == ()


def shop(*replacements: tuple[str, str]) -> Policy:
    """Return the small shop's policy with pieces of its document changed."""
    text = VALID

    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)

    policy = examine(text.encode(), file="2.yaml").policy
    assert policy is not None
    return policy


def told(*replacements: tuple[str, str]) -> list[str]:
    """Return what those replacements change, but for the digest."""
    changes = difference(shop(), shop(*replacements))
    assert [one.where for one in changes].count(("digest",)) == 1
    return [tell_change(one) for one in changes if one.where != ("digest",)]


def test_a_comment_changes_the_digest_and_nothing_else() -> None:
    old, new = shop(), shop(("version: 2\n", "version: 2  # the second\n"))

    assert difference(old, new) == (
        Change(where=("digest",), kind=ChangeKind.CHANGED, before=old.digest, after=new.digest),
    )


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("version: 2", "version: 3", ["version: 2 → 3"]),
        (
            "[can I return this, how do I send it back]",
            "[can I return this, I do not like it]",
            [
                "intent returns: phrase: removed: how do I send it back",
                "intent returns: phrase: added: I do not like it",
            ],
        ),
        (
            "  dispute:\n",
            "  hello:\n    examples: [hi]\n  dispute:\n",
            ["intent hello: added: examples hi"],
        ),
        (
            "{target: haiku, quality: 0.7}",
            "{target: haiku, quality: 0.75}",
            ["pool cheap, target haiku: quality: 0.7 → 0.75"],
        ),
        (
            "confidence_at_least: 0.6, prompt_tokens_at_most: 4000",
            "confidence_at_least: 0.5",
            [
                "rule returns, when: confidence at least: 0.6 → 0.5",
                "rule returns, when: prompt tokens at most: removed: 4000",
            ],
        ),
        (
            "budget_usd: 0.2, deadline_s: 60",
            "budget_usd: 0.25, deadline_s: 50",
            [
                "rule disputes, limits: deadline: 60 s → 50 s",
                "rule disputes, limits: budget: $0.2 → $0.25",
            ],
        ),
        ("    fallback: [strong]\n", "", ["rule returns: fallback: removed: strong"]),
        (
            "fallback: [helpdesk], limits: {attempts: 2}",
            "limits: {attempts: 3}",
            [
                "tool find_customer, limits: attempts: 2 → 3",
                "tool find_customer: fallback: removed: helpdesk",
            ],
        ),
    ],
)
def test_changes_are_told_in_words(old: str, new: str, lines: list[str]) -> None:
    assert told((old, new)) == lines


def numbered(*ids: str) -> Policy:
    """Return a policy whose rules have these ids, in this order."""
    return replace(FULL, rules=tuple(replace(FULL.rules[0], id=one) for one in ids))


@pytest.mark.parametrize(
    ("before", "after", "moves"),
    [
        ("abcd", "dabc", ["rule d: moved from place 4 to place 1"]),
        ("abcd", "bcda", ["rule a: moved from place 1 to place 4"]),
        ("ab", "ba", ["rule b: moved from place 2 to place 1"]),
        ("abc", "bc", []),
        ("bc", "abc", []),
    ],
)
def test_only_the_rules_that_were_moved_are_told_as_moved(
    before: str, after: str, moves: list[str]
) -> None:
    changes = difference(numbered(*before), numbered(*after))

    assert [tell_change(one) for one in changes if one.kind is ChangeKind.MOVED] == moves


def test_a_fallback_order_is_told_by_its_name() -> None:
    other = replace(FULL, fallback_order=FallbackOrder.RANKED)

    assert [tell_change(one) for one in difference(FULL, other)] == [
        "fallback order: family-first → ranked"
    ]


@pytest.mark.parametrize(
    ("after", "lines"),
    [
        (("a", "c"), ["rule returns, when: locales: removed: b"]),
        (("a", "b", "c", "d"), ["rule returns, when: locales: added: d"]),
        (
            ("x", "b", "c"),
            [
                "rule returns, when: locales: removed: a",
                "rule returns, when: locales: added: x",
            ],
        ),
        (("c", "b", "a"), ["rule returns, when: locales: a, b, c → c, b, a"]),
        (("x",), ["rule returns, when: locales: a, b, c → x"]),
        ((), ["rule returns, when: locales: removed: a, b, c"]),
    ],
)
def test_of_a_list_of_words_only_those_that_changed_are_told(
    after: tuple[str, ...], lines: list[str]
) -> None:
    def speaking(locales: tuple[str, ...]) -> Policy:
        when = replace(FULL.rules[0].when, locales=locales)
        return replace(FULL, rules=(replace(FULL.rules[0], when=when),))

    changes = difference(speaking(("a", "b", "c")), speaking(after))

    assert [tell_change(one) for one in changes] == lines


def test_pools_to_fall_back_to_are_told_in_their_order() -> None:
    other = replace(FULL, rules=(replace(FULL.rules[0], fallback=("balanced", "strong")),))

    assert [tell_change(one) for one in difference(FULL, other)] == [
        "rule returns: fallback: strong → balanced, strong"
    ]
