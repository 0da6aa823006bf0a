"""Signals say what the call carries and what its host said, nothing more."""

from mcp_router.domain.completion import CompletionRequest, Message, Role, ToolCall, ToolSpec
from mcp_router.domain.policy import PolicyIntent
from mcp_router.domain.signals import Intent, Signals
from mcp_router.signals.collect import CallerFacts, collect, collect_for_desk
from mcp_router.signals.intent import IntentIndex

INTENTS = IntentIndex.of(
    (
        PolicyIntent(name="password_reset", examples=("I forgot my password", "reset password")),
        PolicyIntent(name="refund", examples=("I want my money back", "please refund me")),
    )
)
NOTHING_SAID = CallerFacts()


def signals(*messages: Message, facts: CallerFacts = NOTHING_SAID, tools: int = 0) -> Signals:
    offered = tuple(
        ToolSpec(name=f"tool_{at}", description="", parameters_json="{}") for at in range(tools)
    )
    return collect(
        tool="route_completion",
        tenant="acme",
        request=CompletionRequest(messages=messages, tools=offered),
        facts=facts,
        prompt_tokens=42,
        intents=INTENTS,
    )


def user(content: str) -> Message:
    return Message(role=Role.USER, content=content)


def assistant(content: str, *calls: ToolCall) -> Message:
    return Message(role=Role.ASSISTANT, content=content, tool_calls=calls)


def test_all_that_is_known_of_a_completion() -> None:
    found = signals(
        user("please refund me"),
        facts=CallerFacts(customer_tier="vip", locale="de-AT", channel="email"),
        tools=2,
    )

    assert found.intent.name == "refund"
    assert found == Signals(
        tool="route_completion",
        tenant="acme",
        intent=found.intent,
        customer_tier="vip",
        locale="de-AT",
        channel="email",
        prompt_tokens=42,
        tools_offered=2,
        turns=1,
    )


def test_the_last_user_message_says_what_the_customer_wants() -> None:
    call = ToolCall(id="1", name="lookup_ticket", arguments_json="{}")
    found = signals(
        Message(role=Role.SYSTEM, content="please refund me"),
        user("I want my money back"),
        assistant("please refund me"),
        user("I forgot my password"),
        assistant("", call),
        Message(role=Role.TOOL, content="please refund me", tool_call_id="1"),
    )

    assert found.intent.name == "password_reset"


def test_turns_are_those_of_user_and_assistant() -> None:
    found = signals(
        Message(role=Role.SYSTEM, content="Be kind."),
        user("hello"),
        assistant("", ToolCall(id="1", name="lookup_ticket", arguments_json="{}")),
        Message(role=Role.TOOL, content="{}", tool_call_id="1"),
        assistant("How can I help?"),
    )

    assert found.turns == 3


def test_the_subject_tells_what_a_bare_message_does_not() -> None:
    facts = CallerFacts(subject="Reset password")

    assert signals(user("see above")).intent.name is None
    assert signals(user("see above"), facts=facts).intent.name == "password_reset"


def test_a_request_without_a_user_message_has_no_intent() -> None:
    found = signals(Message(role=Role.SYSTEM, content="please refund me"))

    assert (found.intent, found.turns) == (Intent(name=None, confidence=0.0), 0)


def test_what_the_host_leaves_blank_is_unknown() -> None:
    facts = CallerFacts(subject=" ", customer_tier="", locale="  ", channel="\n")

    assert signals(user("hello"), facts=facts) == signals(user("hello"))
    assert signals(user("hello")).customer_tier is None


def test_blanks_around_a_fact_do_not_count() -> None:
    found = signals(user("hello"), facts=CallerFacts(customer_tier=" vip "))

    assert found.customer_tier == "vip"


def test_a_call_to_a_desk_is_its_tool_and_its_tenant() -> None:
    assert collect_for_desk(tool="create_ticket", tenant="acme") == Signals(
        tool="create_ticket",
        tenant="acme",
        intent=Intent(name=None, confidence=0.0),
        customer_tier=None,
        locale=None,
        channel=None,
        prompt_tokens=0,
        tools_offered=0,
        turns=0,
    )
