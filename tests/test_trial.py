"""Cases are decided as calls are, and a case that fails says what came instead and why."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mcp_router.domain.guardrails import CachePlan
from mcp_router.domain.policy import Condition, Policy, PolicyIntent, PoolStrategy
from mcp_router.domain.policy_case import Expected, PolicyCase
from mcp_router.domain.signals import Intent, Signals
from mcp_router.domain.target import TargetFacts, TargetKind
from mcp_router.trial import Mismatch, Outcome, Trial, may_use_cache, outcome, try_cases
from tests.decide.examples import LOOKUP, configured, desk, model, policy, pool, rule

POLICY = replace(
    policy(
        (
            replace(
                rule("lawyers", "strong", when=Condition(sensitive_topics=("legal",))),
                cache=None,
            ),
            replace(
                rule("returns", "cheap", when=Condition(intents=("returns", "order"))),
                cache=CachePlan(ttl_s=60.0),
            ),
            rule("rest", "strong", when=Condition(tools=("route_completion",))),
            rule("tool:lookup_ticket", "helpdesk"),
        ),
        (
            pool("cheap", PoolStrategy.COST_OPTIMIZED, ("acme-small", 0.5), ("beta-small", 0.5)),
            pool("strong", PoolStrategy.QUALITY_FIRST, ("acme-large", 0.9)),
            pool("helpdesk", PoolStrategy.AS_LISTED, ("zendesk", 0.5), kind=TargetKind.DESK),
        ),
    ),
    intents=(
        PolicyIntent(name="returns", examples=("can I return this", "how do I send it back")),
        PolicyIntent(name="order", examples=("where is my order",), account_specific=True),
    ),
)
RETURN = Signals(
    tool="route_completion", tenant="local", intent=Intent(name="returns", confidence=1.0)
)


def facts(prompt_tokens: int) -> Mapping[str, TargetFacts]:
    cost = 10 if prompt_tokens < 1_000 else 30  # long prompts cost more
    return configured(
        model("acme-small", cost), model("beta-small", 20), model("acme-large"), desk("zendesk")
    )


def tried(
    expected: Expected, given: Signals = RETURN, text: str | None = None, by: Policy = POLICY
) -> Trial:
    case = PolicyCase(name="a case", given=given, expected=expected, text=text)
    [trial] = try_cases(by, (case,), facts)
    return trial


def test_a_case_that_comes_as_expected_passes() -> None:
    expected = Expected(
        rule="returns", pool="cheap", target="acme-small", cache=True, refused=False
    )

    trial = tried(expected)

    assert (trial.case, trial.passed, trial.mismatches, trial.why) == ("a case", True, (), ())


def test_a_case_that_fails_says_everything_that_came_otherwise_and_why() -> None:
    trial = tried(
        Expected(rule="rest", pool="strong", target="acme-large", cache=False, refused=True)
    )

    assert trial.mismatches == (
        Mismatch(what="rule", expected="rest", came="returns"),
        Mismatch(what="pool", expected="strong", came="cheap"),
        Mismatch(what="target", expected="acme-large", came="acme-small"),
        Mismatch(what="cache", expected="no", came="yes"),
        Mismatch(what="refused", expected="yes", came="no"),
    )
    assert trial.why[0] == 'Rule "returns" of policy support@3 decided: Because returns.'


def test_what_is_not_expected_may_be_anything() -> None:
    assert tried(Expected(pool="cheap")).passed


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("how do I send it back", "returns"),
        ("What is the meaning of life?", "rest"),
        ("how do I send it back? My lawyer will sue you in court.", "lawyers"),
    ],
)
def test_a_text_is_read_as_that_of_a_call(text: str, rule: str) -> None:
    given = replace(RETURN, intent=Intent(confidence=0.0))

    assert tried(Expected(), given, text).decision.rule == rule


def test_what_a_case_gives_wins_over_its_text() -> None:
    given = replace(RETURN, prompt_tokens=2_000, turns=7, sensitive_topics=("medical",))

    signals = tried(Expected(), given, "I sue you: how do I send it back?").decision.signals

    assert (signals.prompt_tokens, signals.turns) == (2_000, 7)
    assert signals.sensitive_topics == ("medical",)
    assert signals.intent.name == "returns"


LONG = "Where is it, and why is it late? I ordered 3 on May 5 and 4 on May 6; who pays it back?"


@pytest.mark.parametrize("text", [None, LONG])
def test_a_number_that_is_given_as_0_wins_too(text: str | None) -> None:
    names = ("complexity", "prompt_tokens", "turns")
    case = PolicyCase(name="a case", given=RETURN, expected=Expected(), text=text, zeros=names)

    [trial] = try_cases(POLICY, (case,), facts)

    signals = trial.decision.signals
    assert (signals.complexity, signals.prompt_tokens, signals.turns) == (0, 0, 0)


def test_targets_are_priced_for_the_prompt_of_the_case() -> None:
    long = replace(RETURN, prompt_tokens=2_000)

    assert tried(Expected(target="acme-small")).passed
    assert tried(Expected(target="beta-small"), long).passed


def test_a_tool_of_a_desk_is_tried_too() -> None:
    assert tried(Expected(rule="tool:lookup_ticket", target="zendesk"), LOOKUP).passed


def test_a_call_that_nobody_may_serve_is_refused() -> None:
    empty = pool("cheap", PoolStrategy.AS_LISTED, ("nobody", 0.5))
    lost = replace(POLICY, pools=(empty, *POLICY.pools[1:]))

    trial = tried(Expected(refused=True, target="acme-small"), by=lost)

    assert trial.mismatches == (Mismatch(what="target", expected="acme-small", came="none"),)


def test_without_a_rule_there_is_no_pool() -> None:
    other = replace(LOOKUP, tool="create_ticket")
    narrow = replace(POLICY, rules=POLICY.rules[:3])

    assert outcome(narrow, tried(Expected(), other, by=narrow).decision) == Outcome(
        rule="none", pool="none", target="none", cache=False, refused=True
    )


@pytest.mark.parametrize(
    ("signals", "rule_id", "may"),
    [
        (RETURN, "returns", True),
        (RETURN, "rest", False),
        (RETURN, "", False),
        (replace(RETURN, intent=Intent(name="order", confidence=1.0)), "returns", False),
        (replace(RETURN, turns=1), "returns", True),
        (replace(RETURN, turns=2), "returns", False),
        (replace(RETURN, tools_offered=1), "returns", False),
        (replace(RETURN, pii_kinds=("email",)), "returns", False),
        (replace(RETURN, safety_flags=("injection",)), "returns", False),
    ],
)
def test_a_call_may_use_the_cache_where_its_rule_keeps_answers_that_are_nobodys_own(
    signals: Signals, rule_id: str, may: bool
) -> None:
    assert may_use_cache(POLICY, signals, rule_id) is may
