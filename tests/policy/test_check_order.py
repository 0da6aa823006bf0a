"""Rules that nobody reaches: earlier ones take all that they ask for."""

import pytest

from mcp_router.policy.draft_rules import WhenForm
from tests.policy.documents import VALID, changed, problems

RETURNS = "when: {intent: [returns], confidence_at_least: 0.6, prompt_tokens_at_most: 4000}"

PAIRS = [
    ("confidence_at_least: 0.5", "confidence_at_least: 0.6"),
    ("customer_tier: [vip, GOLD]", "customer_tier: gold"),
    ("tenant: [acme, b]", "tenant: acme"),
    ("locale: [de, fr]", "locale: DE"),
    ("locale: de", "locale: [de_AT, DE-ch]"),
    ("channel: [Voice]", "channel: voice"),
    ("prompt_tokens_at_least: 10", "prompt_tokens_at_least: 11"),
    ("prompt_tokens_at_most: 10", "prompt_tokens_at_most: 9"),
    ("turns_at_least: 2", "turns_at_least: 2"),
    ("turns_at_most: 3", "turns_at_most: 2"),
    ("tools_offered: true", "tools_offered: true"),
    ("tools_required: false", "tools_required: false"),
    ("retrieval_confidence_at_least: 0.1", "retrieval_confidence_at_least: 0.2"),
    ("retrieval_confidence_at_most: 0.9", "retrieval_confidence_at_most: 0.8"),
    ("safety_flag: [threat, injection]", "safety_flag: Injection"),
    ("sensitive_topic: [Legal, press]", "sensitive_topic: legal"),
    ("pii_kind: [card, iban]", "pii_kind: CARD"),
    ("ticket_status: [new, open]", "ticket_status: new"),
    ("ticket_priority: [high, urgent]", "ticket_priority: urgent"),
    ("complexity_at_least: 0.1", "complexity_at_least: 0.1"),
    ("complexity_at_most: 0.9", "complexity_at_most: 0.1"),
    ("cache_similarity_at_least: 0.8", "cache_similarity_at_least: 0.9"),
    ("deadline_s_at_least: 1", "deadline_s_at_least: 2"),
    ("deadline_s_at_most: 9", "deadline_s_at_most: 8.5"),
    ("ticket_spend_usd_at_least: 0.05", "ticket_spend_usd_at_least: 0.1"),
]


def two(first: str, second: str) -> list[str]:
    text = changed("when: {intent: dispute}", f"when: {{{first}}}")
    return problems(text.replace(RETURNS, f"when: {{{second}}}"))


@pytest.mark.parametrize(("wide", "narrow"), PAIRS)
def test_a_rule_takes_all_of_a_narrower_one(wide: str, narrow: str) -> None:
    told = "34:5: rules[1]: expected a rule that can be reached; disputes above takes all of it"

    assert told in two(wide, narrow)
    assert told in two(wide, f"{narrow}, intent: returns")


@pytest.mark.parametrize(("wide", "narrow"), [pair for pair in PAIRS if pair[0] != pair[1]])
def test_a_narrower_rule_hides_no_wider_one(wide: str, narrow: str) -> None:
    apart = {"customer_tier: gold", "locale: DE", "channel: voice"}

    assert two(narrow, wide) == [] or narrow in apart
    assert two(f"{wide}, intent: dispute", f"{narrow}, intent: returns") == []


@pytest.mark.parametrize(("_", "narrow"), PAIRS)
def test_a_rule_hides_nothing_that_asks_for_something_else(_: str, narrow: str) -> None:
    other = "channel: chat" if "tier" in narrow else "customer_tier: vip"

    assert two(narrow, other) == []


@pytest.mark.parametrize(
    "always",
    [
        "confidence_at_least: 0",
        "prompt_tokens_at_least: 0",
        "turns_at_least: 0",
        "complexity_at_least: 0",
        "complexity_at_most: 1",
        "ticket_spend_usd_at_least: 0",
    ],
)
def test_a_bound_that_always_holds_takes_everything(always: str) -> None:
    assert two(always, "channel: chat")[0] == (
        "34:5: rules[1]: expected a rule that can be reached; disputes above takes all of it"
    )


@pytest.mark.parametrize(
    "bound",
    [
        "retrieval_confidence_at_least: 0",
        "retrieval_confidence_at_most: 1",
        "cache_similarity_at_least: 0",
        "deadline_s_at_most: 3600",
    ],
)
def test_a_bound_on_what_nobody_may_know_takes_not_everything(bound: str) -> None:
    assert two(bound, "channel: chat") == []


def test_a_locale_covers_no_language_that_begins_like_it() -> None:
    assert two("locale: de", "locale: den") == []
    assert two("locale: de-AT", "locale: de") == []


def test_every_condition_is_compared() -> None:
    compared = {wide.partition(":")[0] for wide, _ in PAIRS}

    assert compared | {"intent"} == set(WhenForm.model_fields)


def test_two_rules_can_take_all_of_a_third_between_them() -> None:
    third = "  - {id: third, why: x, when: {intent: [returns, dispute]}, pool: strong}\n"
    text = changed("  - id: rest\n", f"{third}  - id: rest\n")

    assert problems(text) == []
    assert problems(text.replace(RETURNS, "when: {intent: returns}")) == [
        "39:5: rules[2]: "
        "expected a rule that can be reached; disputes and returns above take all of it"
    ]


def test_a_rule_takes_all_of_another_whatever_else_is_wrong_with_either() -> None:
    text = changed("when: {intent: dispute}", "when: {confidence_at_least: 0.5}")
    text = text.replace("    limits: {budget_usd: 0.2,", "    limits: {budget_usd: x,")
    text = text.replace("    pool: cheap\n", "    pool: cheap\n    cache: {}\n")

    assert problems(text) == [
        "33:26: rules[0].limits.budget_usd: expected a number",
        "34:5: rules[1]: expected a rule that can be reached; disputes above takes all of it",
        "38:12: rules[1].cache: expected the key `ttl_s`, which is missing",
    ]


def test_of_a_rule_whose_conditions_are_wrong_nothing_is_said() -> None:
    assert problems(changed("when: {intent: dispute}", "when: {customer_teir: gold}")) == [
        "31:12: rules[0].when: expected a known key; did you mean `customer_tier`?"
    ]


@pytest.mark.parametrize(
    ("signal", "low", "high"),
    [
        ("prompt_tokens", "9", "8"),
        ("turns", "3", "2"),
        ("retrieval_confidence", "0.5", "0.4"),
        ("complexity", "1", "0.9"),
        ("deadline_s", "7.5", "7"),
    ],
)
def test_bounds_that_exclude_each_other(signal: str, low: str, high: str) -> None:
    when = f"{signal}_at_least: {low}, {signal}_at_most: {high}"

    [told] = problems(changed("intent: dispute", when))

    assert told.endswith(
        f"rules[0].when.{signal}_at_most: expected at least {low}, or the rule never holds"
    )
    assert VALID.count("intent: dispute") == 1
