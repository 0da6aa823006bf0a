"""Cases of a file of their own: what they become, and every mistake with its place."""

import pytest

from mcp_router.domain.policy_case import Expected, PolicyCase
from mcp_router.domain.signals import Intent, Signals
from mcp_router.policy.cases import read_cases

EVERYTHING = """\
cases:
  - name: everything at once
    given:
      tool: route_completion
      tenant: acme
      intent: returns
      confidence: 0.7
      customer_tier: vip
      locale: de-AT
      channel: voice
      prompt_tokens: 900
      answer_tokens: 200
      turns: 3
      tools_offered: true
      tools_required: true
      retrieval_confidence: 0.4
      safety_flag: [violence, self_harm, violence]
      sensitive_topic: legal
      pii_kind: [email]
      ticket_status: open
      ticket_priority: urgent
      complexity: 0.9
      cache_similarity: 0.8
      deadline_s: 2.5
      ticket_spend_usd: 0.25
    expect: {rule: returns, pool: cheap, target: nano, cache: false, refused: false}
"""


def told(text: str) -> list[str]:
    found = read_cases(text.encode(), file="c.yaml").problems
    return [str(problem).removeprefix("c.yaml:") for problem in found]


def test_every_signal_can_be_given() -> None:
    read = read_cases(EVERYTHING.encode(), file="c.yaml")

    assert read.problems == ()
    assert read.cases == (
        PolicyCase(
            name="everything at once",
            given=Signals(
                tool="route_completion",
                tenant="acme",
                intent=Intent(name="returns", confidence=0.7),
                customer_tier="vip",
                locale="de-AT",
                channel="voice",
                prompt_tokens=900,
                answer_tokens=200,
                tools_offered=1,
                tools_required=True,
                turns=3,
                retrieval_confidence=0.4,
                safety_flags=("self_harm", "violence"),
                sensitive_topics=("legal",),
                pii_kinds=("email",),
                ticket_status="open",
                ticket_priority="urgent",
                complexity=0.9,
                cache_similarity=0.8,
                deadline_s=2.5,
                ticket_spend_microusd=250_000,
            ),
            expected=Expected(
                rule="returns", pool="cheap", target="nano", cache=False, refused=False
            ),
        ),
    )


def test_what_is_not_said_is_a_local_completion_without_signals() -> None:
    text = "cases: [{name: hello, text: Good morning, expect: {rule: rest}}]"

    assert read_cases(text.encode(), file="c.yaml").cases == (
        PolicyCase(
            name="hello",
            given=Signals(tool="route_completion", tenant="local"),
            expected=Expected(rule="rest"),
            text="Good morning",
        ),
    )


def test_an_intent_without_a_confidence_is_sure() -> None:
    text = "cases: [{name: a, given: {intent: returns}, expect: {pool: cheap}}]"

    [case] = read_cases(text.encode(), file="c.yaml").cases

    assert case.given.intent == Intent(name="returns", confidence=1.0)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            "{given: {}, expect: {rule: a}}",
            "1:9: cases[0]: expected the key `name`, which is missing",
        ),
        ("{name: a}", "1:9: cases[0]: expected the key `expect`, which is missing"),
        (
            "{name: a, expect: {}}",
            "1:27: cases[0].expect: expected at least one of rule, pool, target, cache, refused",
        ),
        (
            "{name: a, expect: {rule: A}}",
            "1:34: cases[0].expect.rule: expected a name such as account-safety: "
            "small letters, digits, dashes and underscores",
        ),
        (
            "{name: a, text: hi, given: {intent: b}, expect: {rule: c}}",
            "1:45: cases[0].given.intent: expected no intent: it is found in `text`",
        ),
        (
            "{name: a, given: {tool: replyto_ticket}, expect: {rule: c}}",
            "1:33: cases[0].given.tool: expected a tool that a policy routes; "
            "did you mean `reply_to_ticket`?",
        ),
        (
            "{name: a, given: {chanel: voice}, expect: {rule: c}}",
            "1:27: cases[0].given: expected a known key; did you mean `channel`?",
        ),
        (
            "{name: a, given: {ticket_status: opn}, expect: {rule: c}}",
            "1:42: cases[0].given.ticket_status: expected one of "
            "'new', 'open', 'pending', 'hold', 'solved' or 'closed'",
        ),
        (
            "{name: a, expect: {rule: b}}, {name: a, expect: {rule: c}}",
            "1:46: cases[1].name: expected a name that no other case has",
        ),
    ],
)
def test_mistakes_have_places(case: str, expected: str) -> None:
    assert told(f"cases: [{case}]") == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: expected keys and values"),
        ("cases: []", "1:8: cases: expected a length of at least 1"),
        ("case: []", "1:1: expected a known key; did you mean `cases`?"),
        (
            "cases: {",
            "1:9: expected valid YAML: expected the node content, but found '<stream end>'",
        ),
    ],
)
def test_a_file_without_cases_says_so(text: str, expected: str) -> None:
    assert expected in told(text)
    assert read_cases(text.encode(), file="c.yaml").cases == ()


def test_what_is_given_as_0_is_kept_apart_from_what_is_not_said() -> None:
    case = "  - {name: a, given: {turns: 0, complexity: 0.0}, expect: {rule: rest}}\n"

    [read] = read_cases(f"cases:\n{case}".encode(), file="c.yaml").cases

    assert read.zeros == ("complexity", "turns")
