"""Tries a policy on cases: given these signals, does it decide as its author expects?"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from mcp_router.cache.admission import about_one_customer
from mcp_router.decide.decide import decide
from mcp_router.decide.explain import explain
from mcp_router.domain.completion import CompletionRequest, Message, Role
from mcp_router.domain.decision import Decision
from mcp_router.domain.policy import Policy
from mcp_router.domain.policy_case import NONE, Expected, PolicyCase
from mcp_router.domain.signals import Signals
from mcp_router.domain.target import TargetFacts
from mcp_router.policy.routed import COMPLETION_TOOL
from mcp_router.providers.tokens import estimate_tokens
from mcp_router.signals.collect import NO_FACTS, collect
from mcp_router.signals.intent import IntentIndex

FactsFor: TypeAlias = Callable[[int], Mapping[str, TargetFacts]]
"""Return what is known of every target, priced for a prompt of that many tokens."""


_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One thing that a case expected and that came out otherwise."""

    what: str
    expected: str
    came: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How one case went; `why` is the decision in sentences, where something did not fit."""

    case: str
    decision: Decision
    mismatches: tuple[Mismatch, ...] = ()
    why: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether everything came as expected."""
        return not self.mismatches


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a decision comes to, in the words of a case's expectations."""

    rule: str
    pool: str
    target: str
    cache: bool
    refused: bool


def outcome(policy: Policy, decision: Decision) -> Outcome:
    """Return what a decision of the policy comes to; what there is none of is `none`."""
    return Outcome(
        rule=decision.rule or NONE,
        pool=decision.pool or NONE,
        target=decision.candidates[0].target if decision.candidates else NONE,
        cache=may_use_cache(policy, decision.signals, decision.rule),
        refused=not decision.candidates,
    )


def try_cases(policy: Policy, cases: Iterable[PolicyCase], facts: FactsFor) -> Iterator[Trial]:
    """Yield how each case goes, decided as a call of today would be, with nothing spent yet."""
    intents = IntentIndex.of(policy.intents)

    for case in cases:
        signals = _signals(case, intents)
        decision = decide(policy, signals, facts(signals.prompt_tokens))
        mismatches = tuple(_mismatches(case.expected, outcome(policy, decision)))
        why = explain(decision) if mismatches else ()
        yield Trial(case=case.name, decision=decision, mismatches=mismatches, why=why)


def may_use_cache(policy: Policy, signals: Signals, rule_id: str) -> bool:
    """Return whether the rule lets such a call be answered from the cache.

    As for a call, an answer that may be one customer's own is never kept, nor one to more than
    one question, nor one of a model that was offered tools: it depends on what they return.
    """
    rule, intent = policy.rule(rule_id), policy.intent(signals.intent.name)
    is_account_specific = intent is not None and intent.account_specific
    return (
        rule is not None
        and rule.cache is not None
        and signals.turns <= 1
        and not signals.tools_offered
        and not signals.tools_required
        and about_one_customer(signals, account_specific=is_account_specific) is None
    )


def _signals(case: PolicyCase, intents: IntentIndex) -> Signals:
    """Return what a call would show that is as the case says: what it gives wins over its text."""
    given = case.given

    if given.tool != COMPLETION_TOOL:
        return given

    if case.text is None:
        # Who asks nothing does not call.
        return replace(given, turns=_number(case, "turns", given.turns, 1))

    request = CompletionRequest(messages=(Message(role=Role.USER, content=case.text),))
    read = collect(
        tool=given.tool,
        tenant=given.tenant,
        request=request,
        facts=NO_FACTS,
        prompt_tokens=estimate_tokens(request),
        intents=intents,
    )
    return replace(
        given,
        intent=read.intent,
        prompt_tokens=_number(case, "prompt_tokens", given.prompt_tokens, read.prompt_tokens),
        turns=_number(case, "turns", given.turns, read.turns),
        safety_flags=given.safety_flags or read.safety_flags,
        sensitive_topics=given.sensitive_topics or read.sensitive_topics,
        pii_kinds=given.pii_kinds or read.pii_kinds,
        complexity=_number(case, "complexity", given.complexity, read.complexity),
        sources=read.sources,
    )


def _number(case: PolicyCase, signal: str, given: _Number, shown: _Number) -> _Number:
    """Return what a case gives, 0 included, and what its text shows where it gives nothing."""
    return given if given or signal in case.zeros else shown


def _mismatches(expected: Expected, came: Outcome) -> Iterator[Mismatch]:
    """Yield what did not come as expected."""
    for what, wanted, got in (
        ("rule", expected.rule, came.rule),
        ("pool", expected.pool, came.pool),
        ("target", expected.target, came.target),
        ("cache", expected.cache, came.cache),
        ("refused", expected.refused, came.refused),
    ):
        if wanted is not None and wanted != got:
            yield Mismatch(what=what, expected=_told(wanted), came=_told(got))


def _told(value: str | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else value
