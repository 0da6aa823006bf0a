"""Mistakes in what a rule asks of targets and answers, of the cache, and in a document's cases."""

import pytest

from tests.policy.documents import VALID, changed, problems

DISPUTE = "    pool: strong\n    limits: {budget_usd: 0.2, deadline_s: 60, attempt_timeout_s: 20}\n"
RETURNS = "    fallback: [strong]\n"


def dispute_with(more: str) -> list[str]:
    """Return the problems when the first rule says more; that stands in line 34."""
    return problems(changed(DISPUTE, f"{DISPUTE}    {more}\n"))


def returns_with(more: str) -> list[str]:
    """Return the problems when the second rule says more; that stands in line 39."""
    return problems(changed(RETURNS, f"{RETURNS}    {more}\n"))


@pytest.mark.parametrize(
    "more",
    [
        "requires: {quality_at_least: 0.9, p95_ms_at_most: 900, residency: eu, "
        "retention_days_at_most: 0, capabilities: [tools, json]}",
        "checks: {json_schema: {type: object}, max_characters: 90, required_phrases: [ok], "
        "forbidden_phrases: [no way], language: same, citations: 2}",
        "checks: {json_schema: {$ref: '#/$defs/a', $defs: {a: {type: string}}}}",
        "checks: {json_schema: {const: {$ref: 'http://example.com'}}}",
        "checks: {json_schema: {properties: {$ref: {type: string}}}}",
        "checks: {json_schema: {$ref: '#/$defs/a%25b', $defs: {'a%b': {type: string}}}}",
        "checks: {json_schema: {$ref: '#here', $defs: {a: {$anchor: here}}}}",
        "checks: {json_schema: {$ref: '#/$defs/a', $defs: {a: "
        "{$id: 'http://a.test/', $ref: '#/$defs/b', $defs: {b: {type: string}}}}}}",
        "checks: {json_schema: {$id: 'http://a.test/x', $ref: y, $defs: {a: {$id: y}}}}",
        "checks: {json_schema: {properties: {next: {$ref: '#'}}}}",
        "checks: {json_schema: {$ref: '#/$defs/a', $defs: {a: true}}}",
        "checks: {json_schema: {$schema: 'http://json-schema.org/draft-07/schema#', items: [{}]}}",
        "checks: {json_schema: {pattern: '^[A-Z]{2}-[0-9]+$', patternProperties: {'^a+$': {}}}}",
        "checks: {required_phrases: ['thank  you'], max_characters: 9}",
        "checks: {language: pt-BR}",
        "confidence: {from: [log_probabilities, self_rating, retrieval], floor: 0.2}",
        "confidence: {from: [self_rating]}\n"
        "    advisor: {pool: strong, below: 0.5, budget_usd: 0.2}",
    ],
)
def test_what_a_rule_may_ask(more: str) -> None:
    assert dispute_with(more) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "requires: {quality_at_least: 0.99}",
            "34:34: rules[0].requires.quality_at_least: "
            "expected at most 0.95, the best of its pools, or no target will do",
        ),
        (
            "requires: {retention_days_at_most: -1}",
            "34:40: rules[0].requires.retention_days_at_most: expected a number of at least 0",
        ),
        (
            "requires: {qualty_at_least: 0.5}",
            "34:16: rules[0].requires: expected a known key; did you mean `quality_at_least`?",
        ),
        (
            "checks: {required_phrases: [hi, a Refund is sure], forbidden_phrases: [refund]}",
            "34:37: rules[0].checks.required_phrases[1]: "
            "expected a phrase without a forbidden one, or no answer passes",
        ),
        (
            "checks: {required_phrases: [more than ten], max_characters: 10}",
            "34:33: rules[0].checks.required_phrases[0]: "
            "expected a phrase of at most max_characters (10), or no answer passes",
        ),
        (
            "checks: {json_schema: {type: objekt}}",
            "34:34: rules[0].checks.json_schema.type: expected a valid JSON Schema",
        ),
        (
            "checks: {json_schema: {properties: {a: {pattern: '('}}}}",
            "34:54: rules[0].checks.json_schema.properties.a.pattern: expected a valid JSON Schema",
        ),
        (
            "checks: {json_schema: {$ref: 'https://example.com/a.json'}}",
            "34:34: rules[0].checks.json_schema.…: "
            "expected a reference inside this schema, such as #/$defs/line",
        ),
        (
            "checks: {json_schema: {$ref: '#/$defs/a'}}",
            "34:34: rules[0].checks.json_schema.…: "
            "expected a reference to a part that this schema has",
        ),
        (
            "checks: {json_schema: {$ref: '#nosuch'}}",
            "34:34: rules[0].checks.json_schema.…: "
            "expected a reference to a part that this schema has",
        ),
        (
            "checks: {json_schema: {allOf: [{}], $ref: '#/allOf/" + 5000 * "9" + "'}}",
            "34:47: rules[0].checks.json_schema.…: "
            "expected a reference to a part that this schema has",
        ),
        (
            "checks: {json_schema: {$dynamicRef: '#x'}}",
            "34:41: rules[0].checks.json_schema.…: "
            "expected a reference to a part that this schema has",
        ),
        *(
            (
                f"checks: {{json_schema: {{{key}: {value}, $ref: '#/{key}'}}}}",
                f"34:{42 + len(key + value) - 4}: rules[0].checks.json_schema.…: "
                "expected a reference to a schema, which is keys and values, true or false",
            )
            for key, value in (("title", "text"), ("maxLength", "3"))
        ),
        (
            "checks: {json_schema: {$ref: '#'}}",
            "34:27: rules[0].checks.json_schema: expected references that end",
        ),
        (
            "checks: {json_schema: {$ref: '#/$defs/a', "
            "$defs: {a: {allOf: [{$ref: '#/$defs/b'}]}, b: {$ref: '#/$defs/a'}}}}",
            "34:58: rules[0].checks.json_schema.….a: expected references that end",
        ),
        *(
            (
                f"checks: {{json_schema: {{$schema: {odd}}}}}",
                "34:37: rules[0].checks.json_schema.…: "
                "expected a draft of JSON Schema, such as the one of 2020-12",
            )
            for odd in ("[1]", "5", '"http://[bad"', "http://example.com")
        ),
        (
            "checks: {json_schema: {items: {$schema: 'http://json-schema.org/draft-07/schema'}}}",
            "34:45: rules[0].checks.json_schema.items.…: "
            "expected `$schema` at the outermost level only",
        ),
        (
            "checks: {json_schema: {$id: 'http://a.test', items: {$id: 'http://[bad'}}}",
            "34:57: rules[0].checks.json_schema.items: expected an `$id` that is a URI",
        ),
        (
            "checks: {json_schema: {pattern: 'a{99999999999}'}}",
            "34:27: rules[0].checks.json_schema: expected a valid JSON Schema",
        ),
        (
            "checks: {json_schema: {items: {pattern: '^(a+)+$'}}}",
            "34:45: rules[0].checks.json_schema.items.pattern: "
            "expected a pattern with few repeats, and no repeat or choice inside a repeat",
        ),
        (
            "checks: {json_schema: {patternProperties: {'(a|b)*': {}}}}",
            "34:58: rules[0].checks.json_schema.patternProperties.…: "
            "expected a pattern with few repeats, and no repeat or choice inside a repeat",
        ),
        (
            "checks: {required_phrases: ['thank  you'], forbidden_phrases: ['thank you']}",
            "34:33: rules[0].checks.required_phrases[0]: "
            "expected a phrase without a forbidden one, or no answer passes",
        ),
        (
            'checks: {json_schema: {properties: {é: {}, "e\\u0301": {}}}}',
            "34:27: rules[0].checks.json_schema: "
            "expected names that differ in Unicode's normal form",
        ),
        (
            "checks: {language: English}",
            "34:24: rules[0].checks.language: "
            "expected `same`, or a language tag such as de or pt-BR",
        ),
        (
            "confidence: {floor: 0.5}",
            "34:17: rules[0].confidence: expected the key `from`, which is missing",
        ),
        (
            "confidence: {form: [checks]}",
            "34:18: rules[0].confidence: expected a known key; did you mean `from`?",
        ),
        (
            "confidence: {from: [retrieval, retrieval]}",
            "34:24: rules[0].confidence.from: expected each source once",
        ),
        (
            "confidence: {from: [retrieval, checks]}",
            "34:36: rules[0].confidence.from[1]: expected another source: the rule has no `checks`",
        ),
        (
            "confidence: {from: [mood]}",
            "34:25: rules[0].confidence.from[0]: expected one of "
            "'log_probabilities', 'self_rating', 'checks' or 'retrieval'",
        ),
        (
            "advisor: {pool: strong, below: 0.5, budget_usd: 0.1}",
            "34:36: rules[0].advisor.below: "
            "expected a rule with `confidence`, whose `from` says how sure it is",
        ),
        (
            "confidence: {from: [retrieval]}\n"
            "    advisor: {pool: stron, below: 0.5, budget_usd: 0.1}",
            "35:21: rules[0].advisor.pool: expected a pool of this policy; did you mean `strong`?",
        ),
        (
            "confidence: {from: [retrieval]}\n"
            "    advisor: {pool: crm, below: 0.5, budget_usd: 0.1}",
            "35:21: rules[0].advisor.pool: expected a pool of models",
        ),
        (
            "confidence: {from: [retrieval]}\n"
            "    advisor: {pool: strong, below: 0.5, budget_usd: 0.3}",
            "35:53: rules[0].advisor.budget_usd: expected at most the rule's own budget_usd (0.2)",
        ),
    ],
)
def test_what_cannot_be_had(more: str, expected: str) -> None:
    assert expected in dispute_with(more)


def test_a_bar_needs_the_quality_of_every_target_of_the_rule() -> None:
    assert returns_with("requires: {quality_at_least: 0.5}") == [
        "21:15: pools.cheap.targets[0]: expected the key `quality`: rule returns asks for it"
    ]


def test_answers_that_are_the_same_for_everybody_may_be_kept() -> None:
    assert returns_with("cache: {ttl_s: 60, similarity_at_least: 0.9}") == []


def test_an_account_specific_answer_is_not_kept() -> None:
    text = changed(RETURNS, f"{RETURNS}    cache: {{ttl_s: 60}}\n")
    text = text.replace("  returns:\n", "  returns:\n    account_specific: true\n")

    assert problems(text) == [
        "40:12: rules[1].cache: expected no account-specific intent in the rule; returns is one"
    ]


def test_a_rule_that_names_no_intent_keeps_nothing() -> None:
    text = changed("    why: Everything else.\n", "    why: Rest.\n    cache: {ttl_s: 60}\n")

    assert problems(text) == [
        "41:12: rules[2].cache: "
        "expected a rule with `intent`: without one an answer may hold the facts of one customer"
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "strategy: cost-optimized\n",
            "strategy: cost-optimized\n    weights: {cost: 1}\n",
            "21:14: pools.cheap.weights: expected no weights: only balanced weighs its factors",
        ),
        (
            "strategy: cost-optimized\n",
            "strategy: balanced\n    weights: {cost: 0}\n",
            "21:14: pools.cheap.weights: expected a weight above 0",
        ),
        (
            "strategy: cost-optimized\n",
            "strategy: balanced\n    weights: {speed: 1}\n",
            "21:15: pools.cheap.weights: expected a known key: cost, latency, success, quality",
        ),
        (
            "strategy: cost-optimized\n",
            "strategy: balanced\n    weights: {cost: 1, quality: 1}\n",
            "22:15: pools.cheap.targets[0]: expected the key `quality`: balanced ranks by it",
        ),
        (
            "limits:\n  deadline_s: 30\n",
            "learning: {mode: observe, quality_at_least: 0.6}\nlimits:\n  deadline_s: 30\n",
            "22:15: pools.cheap.targets[0]: expected the key `quality`: learning has a lowest one",
        ),
    ],
)
def test_weights_and_qualities(old: str, new: str, expected: str) -> None:
    assert problems(changed(old, new)) == [expected]


@pytest.mark.parametrize(("mode", "told"), [("on", True), ("observe", True), ("off", False)])
def test_learning_needs_somebody_to_choose_among(mode: str, told: bool) -> None:
    text = changed("targets: [nano, {", "targets: [{target: nano, quality: 0}, {")
    learning = f"learning: {{mode: {mode}, quality_at_least: 0.99}}\n"

    assert [one.partition(" ")[2] for one in problems(text + learning)] == told * [
        "learning.quality_at_least: expected at most 0.95, the best of the rules' pools, "
        "or nobody is ever drawn"
    ]


def test_a_pool_that_weighs_no_quality_needs_none() -> None:
    new = "strategy: balanced\n    weights: {cost: 1, latency: 2, success: 3}\n"

    assert problems(changed("strategy: cost-optimized\n", new)) == []
    assert problems(changed("strategy: cost-optimized", "strategy: latency-optimized")) == []


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            "{name: a, given: {intent: return}, expect: {rule: returns}}",
            "47:31: tests[0].given.intent: expected an intent of this policy; "
            "did you mean `returns`?",
        ),
        (
            "{name: a, given: {intent: none}, expect: {rule: none}}",
            "47:31: tests[0].given.intent: expected an intent of this policy",
        ),
        (
            "{name: a, expect: {rule: retruns}}",
            "47:30: tests[0].expect.rule: expected a rule of this policy; did you mean `returns`?",
        ),
        (
            "{name: a, expect: {rule: 'tool:update_ticket'}}",
            "47:30: tests[0].expect.rule: expected a rule of this policy",
        ),
        (
            "{name: a, expect: {pool: chaep}}",
            "47:30: tests[0].expect.pool: expected a pool of this policy; did you mean `cheap`?",
        ),
        (
            "{name: a, expect: {target: haiko}}",
            "47:32: tests[0].expect.target: expected a target of this policy; "
            "did you mean `haiku`?",
        ),
        (
            "{name: a, expect: {}}",
            "47:23: tests[0].expect: expected at least one of rule, pool, target, cache, refused",
        ),
        (
            "{name: a, gven: {}, expect: {rule: rest}}",
            "47:15: tests[0]: expected a known key; did you mean `given`?",
        ),
    ],
)
def test_cases_speak_of_what_there_is(case: str, expected: str) -> None:
    assert problems(f"{VALID}tests:\n  - {case}\n") == [expected]


@pytest.mark.parametrize(
    "case",
    [
        "{name: a, given: {tool: find_customer}, expect: {rule: 'tool:find_customer'}}",
        "{name: a, given: {tool: update_ticket}, expect: {rule: none, pool: none, target: none}}",
    ],
)
def test_a_right_case_has_no_problem(case: str) -> None:
    assert problems(f"{VALID}tests:\n  - {case}\n") == []
