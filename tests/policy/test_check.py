"""Every kind of mistake in a policy: where it is told to be, and what was expected there."""

import pytest

from tests.policy.documents import VALID, changed, problems


def test_a_right_document_has_no_problem() -> None:
    assert problems(VALID) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: shop", "name: store", "1:7: name: expected shop, the name of the folder"),
        (
            "name: shop",
            "name: Shop!",
            "1:7: name: expected a name of small letters, digits and dashes",
        ),
        ("version: 2", "version: 3", "2:10: version: expected 2, the number in the file's name"),
        ("version: 2", "version: 2.5", "2:10: version: expected a whole number"),
        ("version: 2", "version: 0", "2:10: version: expected a number of at least 1"),
        ("owner: support\n", "", "1:1: expected the key `owner`, which is missing"),
        ("owner: support", "owner: ' '", "3:8: owner: expected one line of text"),
        (
            "description: A small shop.",
            "description: 7",
            "4:14: description: expected text; put quotes around it",
        ),
        (
            "changes: Returns",
            "chnages: Returns",
            "5:1: expected a known key; did you mean `changes`?",
        ),
    ],
)
def test_the_head(old: str, new: str, expected: str) -> None:
    assert expected in problems(changed(old, new))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  attempts: 4\n", "", "7:3: limits: expected the key `attempts`, which is missing"),
        (
            "  attempts: 4\n",
            "  attempts: 0\n",
            "9:13: limits.attempts: expected a number of at least 1",
        ),
        ("deadline_s: 30", "deadline_s: -1", "7:15: limits.deadline_s: expected a number above 0"),
        (
            "deadline_s: 30",
            "deadline_s: 9999",
            "7:15: limits.deadline_s: expected a number of at most 3600",
        ),
        (
            "budget_usd: 0.05",
            "budget_usd: 0",
            "10:15: limits.budget_usd: expected a number above 0",
        ),
        ("budget_usd: 0.05", "budget_usd: 5 cents", "10:15: limits.budget_usd: expected a number"),
        (
            "attempt_timeout_s: 10",
            "attempt_timeout_s: 31",
            "8:22: limits.attempt_timeout_s: "
            "expected at most deadline_s (30), or no attempt can use its time",
        ),
        (
            "deadline_s: 60, attempt_timeout_s: 20",
            "attempt_timeout_s: 40",
            "33:50: rules[0].limits.attempt_timeout_s: "
            "expected at most deadline_s (30), or no attempt can use its time",
        ),
        (
            "deadline_s: 60, attempt_timeout_s: 20",
            "deadline_s: 8",
            "33:43: rules[0].limits.deadline_s: "
            "expected at least 10, or no attempt can use its time",
        ),
        (
            "{attempts: 2}",
            "{deadline_s: 1}",
            "44:73: tools.find_customer.limits.deadline_s: "
            "expected at least 10, or no attempt can use its time",
        ),
        (
            "{attempts: 2}",
            "{atempts: 2}",
            "44:61: tools.find_customer.limits: expected a known key; did you mean `attempts`?",
        ),
    ],
)
def test_limits(old: str, new: str, expected: str) -> None:
    assert problems(changed(old, new)) == [expected]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "examples: [I want my money back]",
            "examples: []",
            "16:15: intents.dispute.examples: expected a length of at least 1",
        ),
        (
            "examples: [I want my money back]",
            "example: [I want my money back]",
            "16:5: intents.dispute: expected a known key; did you mean `examples`?",
        ),
        (
            "[I want my money back]",
            "[I want my money back, 7]",
            "16:38: intents.dispute.examples[1]: expected text; put quotes around it",
        ),
        (
            "[I want my money back]",
            "[' Can I  return this']",
            "16:16: intents.dispute.examples[0]: "
            "expected a phrase that returns does not have already",
        ),
        (
            "examples: [can I return this, how",
            "examples: [can I return this, can I return this, how",
            "14:35: intents.returns.examples[1]: "
            "expected a phrase that returns does not have already",
        ),
        (
            "  dispute:\n",
            "  Dispute:\n",
            "15:3: intents: "
            "expected a name such as refund_dispute: small letters, digits and underscores",
        ),
        (
            "  dispute:\n",
            "  returns:\n",
            "15:3: intents: expected each key once; line 13 has this one already",
        ),
    ],
)
def test_intents(old: str, new: str, expected: str) -> None:
    assert expected in problems(changed(old, new))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "[{target: opus, quality: 0.95}]",
            "[]",
            "25:14: pools.strong.targets: expected a length of at least 1",
        ),
        (
            "[{target: opus, quality: 0.95}]",
            "[opus]",
            "25:15: pools.strong.targets[0]: expected the key `quality`: quality-first ranks by it",
        ),
        (
            "quality: 0.95",
            "quality: 95",
            "25:39: pools.strong.targets[0].quality: expected a number of at most 1",
        ),
        (
            "[nano, {target: haiku, quality: 0.7}]",
            "[nano, nano]",
            "21:21: pools.cheap.targets[1]: expected each target once",
        ),
        (
            "[nano, ",
            "['na no', ",
            "21:15: pools.cheap.targets[0].target: "
            "expected a name of letters, digits, dots, dashes and underscores",
        ),
        (
            "    strategy: quality-first\n",
            "",
            "23:5: pools.strong: expected the key `strategy`, which is missing",
        ),
        (
            "strategy: quality-first",
            "strategy: best",
            "24:15: pools.strong.strategy: "
            "expected one of 'cost-optimized', 'balanced', 'quality-first', 'latency-optimized' "
            "or 'as-listed'",
        ),
        (
            "goal: quality\n",
            "goal: speed\n",
            "23:11: pools.strong.goal: expected one of 'cost', 'quality' or 'stability'",
        ),
        (
            "kind: desk, goal: stability, strategy: as-listed",
            "kind: desk, goal: stability, strategy: balanced",
            "27:48: pools.crm.strategy: expected as-listed, the only strategy for desks",
        ),
        (
            "targets: [zendesk]",
            "targets: [{target: zendesk, quality: 1}]",
            "26:80: pools.helpdesk.targets[0].quality: "
            "expected no quality: desks are tried in the listed order",
        ),
        (
            "  strong:\n",
            "  Strong:\n",
            "22:3: pools: "
            "expected a name such as account-safety: small letters, digits, dashes and "
            "underscores",
        ),
    ],
)
def test_pools(old: str, new: str, expected: str) -> None:
    assert expected in problems(changed(old, new))


def test_a_name_that_is_none_is_not_shown_beside_its_phrases() -> None:
    text = changed("  returns:\n", "  hunter2!:\n")
    text = text.replace("I want my money back", "can I return this")

    told = problems(text)

    assert told[1] == (
        "16:16: intents.dispute.examples[0]: expected a phrase that … does not have already"
    )
    assert not any("hunter2" in line for line in told)


def test_problems_of_shape_and_of_sense_are_told_together_in_order() -> None:
    text = changed("attempts: 4", "attempts: many")
    text = text.replace("intent: dispute", "intent: fraud")
    text = text.replace("goal: quality", "goal: speed")
    text = text.replace("fallback: [strong]", "fallback: [weak]")
    text = text.replace("id: rest\n    why: Everything else.\n    pool: strong", "id: rest")
    text = text.replace("lookup_ticket:", "resolve_ticket:")

    assert problems(text) == [
        "9:13: limits.attempts: expected a whole number",
        "23:11: pools.strong.goal: expected one of 'cost', 'quality' or 'stability'",
        "31:20: rules[0].when.intent[0]: expected an intent of this policy",
        "38:16: rules[1].fallback[0]: expected a pool of this policy",
        "39:5: rules[2]: expected the key `why`, which is missing",
        "39:5: rules[2]: expected the key `pool`, which is missing",
        "41:3: tools: expected a tool that works with a desk; did you mean `create_ticket`?",
    ]


def test_more_rules_than_a_person_can_read_are_refused() -> None:
    rule = "  - {id: r%d, why: x, when: {turns_at_least: %d}, pool: strong}\n"
    many = "".join(rule % (number, 1000 - number) for number in range(250))

    told = problems(changed("rules:\n", f"rules:\n{many}"))

    assert told[0] == "29:3: rules: expected a length of at most 200"
