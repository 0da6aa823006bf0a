"""What a host says of its conversation reaches the signals and the request, or is refused."""

import pytest
from pydantic import ValidationError

from mcp_router.canonical import JsonValue
from mcp_router.signals.collect import NO_FACTS, CallerFacts
from mcp_router.tools.completion_arguments import RouteCompletionArguments

TOOL: dict[str, JsonValue] = {"name": "lookup_order"}


def parsed(**said: JsonValue) -> RouteCompletionArguments:
    return RouteCompletionArguments.model_validate({"input": "Where is my order?", **said})


def test_a_host_that_says_nothing_says_nothing() -> None:
    arguments = parsed()

    assert arguments.facts() == NO_FACTS
    assert (arguments.stream, arguments.request().tools_required) == (False, False)


def test_all_that_a_host_can_say_reaches_the_signals() -> None:
    arguments = parsed(
        subject="Order 7",
        customer_id=42,
        intent="order_status",
        intent_confidence=0.9,
        customer_tier="vip",
        locale="de-AT",
        channel="voice",
        retrieval_confidence=0.2,
        safety_flags=["threat"],
        sensitive_topics=["legal", "press"],
        pii_kinds=[],
        ticket_status="open",
        ticket_priority="urgent",
        complexity=1,
        deadline_s=2.5,
    )

    assert arguments.facts() == CallerFacts(
        subject="Order 7",
        customer_id="42",
        intent="order_status",
        intent_confidence=0.9,
        customer_tier="vip",
        locale="de-AT",
        channel="voice",
        retrieval_confidence=0.2,
        safety_flags=("threat",),
        sensitive_topics=("legal", "press"),
        pii_kinds=(),
        ticket_status="open",
        ticket_priority="urgent",
        complexity=1.0,
        deadline_s=2.5,
    )


def test_a_host_may_require_a_call_of_one_of_its_tools() -> None:
    assert parsed(tools=[TOOL], tool_choice="required").request().tools_required is True
    assert parsed(tools=[TOOL]).request().tools_required is False


@pytest.mark.parametrize(
    "said",
    [
        {"tool_choice": "required"},
        {"tool_choice": "none", "tools": [TOOL]},
        {"intent_confidence": 1.01},
        {"retrieval_confidence": -0.1},
        {"complexity": 2},
        {"complexity": float("nan")},
        {"deadline_s": 0},
        {"deadline_s": 3_601},
        {"safety_flags": [""]},
        {"pii_kinds": ["email"] * 33},
        {"customer_id": "two words"},
        {"mood": "angry"},
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, JsonValue]) -> None:
    with pytest.raises(ValidationError):
        parsed(**said)
