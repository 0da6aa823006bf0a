"""Mistakes that show only beside a router.yaml: unknown targets, and pools that nobody can pay."""

import pytest

from mcp_router.domain.target import Price
from mcp_router.policy.catalog import Catalog
from mcp_router.policy.source import examine
from tests.policy.documents import VALID, changed, problems

# The answers of the document have 600 tokens: nano costs $0.00024, haiku $0.003, opus $0.015.
CATALOG = Catalog(
    models={
        "nano": Price(input=50_000, output=400_000),
        "haiku": Price(input=1_000_000, output=5_000_000),
        "opus": Price(input=5_000_000, output=25_000_000),
    },
    desks=frozenset({"zendesk", "salesforce"}),
)


def found(text: str, catalog: Catalog = CATALOG) -> list[str]:
    examined = examine(text.encode(), file="2.yaml", catalog=catalog)
    return [str(problem).removeprefix("2.yaml:") for problem in examined.problems]


def test_a_document_that_fits_to_router_yaml_has_no_problem() -> None:
    assert found(VALID) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "{target: haiku, quality: 0.7}",
            "haikou",
            "21:21: pools.cheap.targets[1]: expected a model of router.yaml; did you mean `haiku`?",
        ),
        (
            "[zendesk]",
            "[zendisk]",
            "26:53: pools.helpdesk.targets[0]: "
            "expected a desk of router.yaml; did you mean `zendesk`?",
        ),
        ("[zendesk]", "[nano]", "26:53: pools.helpdesk.targets[0]: expected a desk of router.yaml"),
    ],
)
def test_a_target_that_router_yaml_does_not_have(old: str, new: str, expected: str) -> None:
    assert found(changed(old, new)) == [expected]


def test_a_router_yaml_without_models_and_desks_says_nothing_about_names() -> None:
    assert found(VALID, Catalog()) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "{budget_usd: 0.2,",
            "{budget_usd: 0.01,",
            "32:11: rules[0].pool: expected a pool that its budget can afford: "
            "the cheapest answer of 600 tokens costs $0.015005, "
            "more than budget_usd ($0.010000)",
        ),
        (
            "    fallback: [strong]\n",
            "    fallback: [strong]\n    limits: {budget_usd: 0.01, max_output_tokens: 900}\n",
            "38:16: rules[1].fallback[0]: expected a pool that its budget can afford: "
            "the cheapest answer of 900 tokens costs $0.022505, "
            "more than budget_usd ($0.010000)",
        ),
        (
            "    limits: {budget_usd: 0.2,",
            "    confidence: {from: [retrieval]}\n"
            "    advisor: {pool: strong, below: 0.5, budget_usd: 0.004}\n"
            "    limits: {budget_usd: 0.2,",
            "34:21: rules[0].advisor.pool: expected a pool that its budget can afford: "
            "the cheapest answer of 200 tokens costs $0.005005, "
            "more than advisor.budget_usd ($0.004000)",
        ),
    ],
)
def test_a_pool_that_no_budget_can_afford(old: str, new: str, expected: str) -> None:
    assert found(changed(old, new)) == [expected]


@pytest.mark.parametrize("key", ["ticket_usd", "run_usd", "tenant_month_usd"])
def test_a_budget_beyond_the_call_must_pay_an_answer_too(key: str) -> None:
    told = (
        "expected a pool that its budget can afford: the cheapest answer of 600 tokens costs "
        f"$0.015005, more than budgets.{key} ($0.002000)"
    )

    assert found(f"{VALID}budgets: {{{key}: 0.002}}\n") == [
        f"32:11: rules[0].pool: {told}",
        f"38:16: rules[1].fallback[0]: {told}",
        f"41:11: rules[2].pool: {told}",
    ]


def test_the_cheapest_target_is_enough_and_one_without_a_price_says_nothing() -> None:
    text = changed("budget_usd: 0.05", "budget_usd: 0.02")
    unpriced = Catalog(models={"nano": None, "haiku": None, "opus": None})

    assert found(text) == []
    assert found(changed("{budget_usd: 0.2,", "{budget_usd: 0.01,"), unpriced) == []


@pytest.mark.parametrize(
    ("budgets", "expected"),
    [
        (
            "{ticket_usd: 3, tenant_month_usd: 2}",
            "46:23: budgets.ticket_usd: expected at most tenant_month_usd (2)",
        ),
        (
            "{run_usd: 3, tenant_month_usd: 2}",
            "46:20: budgets.run_usd: expected at most tenant_month_usd (2)",
        ),
        (
            "{hand_over_at: 5}",
            "46:25: budgets.hand_over_at: expected the key `ticket_expected_usd` beside it",
        ),
        (
            "{ticket_usd: 0.1, ticket_expected_usd: 0.02, hand_over_at: 6}",
            "46:69: budgets.hand_over_at: expected at most 5, or the ticket's budget ends before",
        ),
        (
            "{hand_over_at: 0.5, ticket_expected_usd: 1}",
            "46:25: budgets.hand_over_at: expected a number of at least 1",
        ),
        ("{ticket: 1}", "46:11: budgets: expected a known key; did you mean `ticket_usd`?"),
    ],
)
def test_budgets_that_make_each_other_pointless(budgets: str, expected: str) -> None:
    assert problems(f"{VALID}budgets: {budgets}\n") == [expected]
