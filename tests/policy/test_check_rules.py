"""Every kind of mistake in the rules and tools of a policy, and where it is told to be."""

import pytest

from tests.policy.documents import changed, problems


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "intent: dispute",
            "intent: disputes",
            "31:20: rules[0].when.intent[0]: "
            "expected an intent of this policy; did you mean `dispute`?",
        ),
        (
            "intent: dispute",
            "intnt: dispute",
            "31:12: rules[0].when: expected a known key; did you mean `intent`?",
        ),
        (
            "intent: dispute",
            "tools_offered: maybe",
            "31:27: rules[0].when.tools_offered: expected true or false",
        ),
        (
            "intent: dispute",
            "intent: []",
            "31:20: rules[0].when.intent: expected a length of at least 1",
        ),
        (
            "confidence_at_least: 0.6",
            "confidence_at_least: 60",
            "36:52: rules[1].when.confidence_at_least: expected a number of at most 1",
        ),
        (
            "confidence_at_least: 0.6",
            "prompt_tokens_at_least: 5000",
            "36:84: rules[1].when.prompt_tokens_at_most: "
            "expected at least 5000, or the rule never holds",
        ),
        (
            "    pool: cheap\n",
            "    pool: chep\n",
            "37:11: rules[1].pool: expected a pool of this policy; did you mean `cheap`?",
        ),
        (
            "    pool: cheap\n",
            "    pool: helpdesk\n",
            "37:11: rules[1].pool: expected a pool of models",
        ),
        (
            "fallback: [strong]",
            "fallback: [crm]",
            "38:16: rules[1].fallback[0]: expected a pool of models",
        ),
        (
            "fallback: [strong]",
            "fallback: [cheap]",
            "38:16: rules[1].fallback[0]: "
            "expected each pool once: a cycle would ask the same targets again",
        ),
        (
            "fallback: [strong]",
            "fallback: [strong, strong]",
            "38:24: rules[1].fallback[1]: "
            "expected each pool once: a cycle would ask the same targets again",
        ),
        ("id: returns", "id: disputes", "34:9: rules[1].id: expected an id that no other rule has"),
        (
            "id: returns",
            "id: tool:x",
            "34:9: rules[1].id: "
            "expected a name such as account-safety: small letters, digits, dashes and "
            "underscores",
        ),
        (
            "    why: Everything else.\n",
            "",
            "39:5: rules[2]: expected the key `why`, which is missing",
        ),
        (
            "    why: Everything else.\n",
            "    why: Rest.\n    when: {turns_at_least: 3}\n",
            "29:3: rules: "
            "expected a last rule without `when`, for the completions that no other rule takes",
        ),
        (
            "    when: {intent: dispute}\n",
            "    when: {}\n",
            "34:5: rules[1]: expected a rule that can be reached; disputes above takes all of it",
        ),
        (
            "    when: {intent: dispute}\n",
            "    when: {intent: null}\n",
            "34:5: rules[1]: expected a rule that can be reached; disputes above takes all of it",
        ),
        (
            "intent: dispute",
            "intent: [dispute, returns], confidence_at_least: 0.5",
            "34:5: rules[1]: expected a rule that can be reached; disputes above takes all of it",
        ),
        (
            "intent: dispute",
            "prompt_tokens_at_most: 4000",
            "34:5: rules[1]: expected a rule that can be reached; disputes above takes all of it",
        ),
    ],
)
def test_rules(old: str, new: str, expected: str) -> None:
    assert expected in problems(changed(old, new))


@pytest.mark.parametrize(
    "condition",
    [
        "intent: dispute, confidence_at_least: 0.7",
        "intent: [dispute, returns], confidence_at_least: 0.7",
        "prompt_tokens_at_most: 3000",
        "prompt_tokens_at_least: 10",
        "turns_at_least: 1",
        "tools_offered: false",
        "channel: voice",
        "locale: no",
        "tenant: acme",
        "customer_tier: vip",
    ],
)
def test_a_rule_that_asks_more_hides_no_later_one(condition: str) -> None:
    assert problems(changed("intent: dispute", condition)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "lookup_ticket:",
            "lookup_tickets:",
            "43:3: tools: expected a tool that works with a desk; did you mean `lookup_ticket`?",
        ),
        (
            "lookup_ticket:",
            "route_completion:",
            "43:3: tools: expected a tool that works with a desk; completions are sent by `rules`",
        ),
        (
            "lookup_ticket:",
            "get_action:",
            "43:3: tools: "
            "expected a tool that works with a desk; this one reads the router's own records",
        ),
        ("lookup_ticket:", "zzz:", "43:3: tools: expected a tool that works with a desk"),
        (
            "lookup_ticket: {pool: helpdesk}",
            "lookup_ticket: {pool: strong}",
            "43:25: tools.lookup_ticket.pool: expected a pool of desks",
        ),
        (
            "create_ticket: {pool: helpdesk}",
            "create_ticket: {pool: helpdesk, fallback: [crm]}",
            "45:45: tools.create_ticket.fallback: "
            "expected no fallback: a write that moved to another desk could happen twice",
        ),
        (
            "create_ticket: {pool: helpdesk}",
            "create_ticket: helpdesk",
            "45:18: tools.create_ticket: expected keys and values",
        ),
    ],
)
def test_tools(old: str, new: str, expected: str) -> None:
    assert problems(changed(old, new)) == [expected]
