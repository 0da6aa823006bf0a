from dataclasses import replace

import pytest

from mcp_router.domain.completion import (
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    ToolCall,
    ToolSpec,
)
from mcp_router.sandbox.models.brain import think
from mcp_router.sandbox.models.catalog import CATALOG, SandboxModel, find_model
from mcp_router.sandbox.models.topics import TOPICS, topic_of
from mcp_router.sandbox.models.usage import Cached, PromptCache, input_tokens
from mcp_router.settings import ProviderKind

SMALL, MEDIUM, LARGE = CATALOG[:3]

LOOKUP = ToolSpec(
    name="lookup_ticket",
    description="Look a ticket up.",
    parameters_json='{"type": "object", "properties": {"ticket_id": {"type": "string"}}, '
    '"required": ["ticket_id"]}',
)
REPLY = ToolSpec(name="reply_to_ticket", description="", parameters_json='{"type": "object"}')


def user(text: str) -> Message:
    return Message(role=Role.USER, content=text)


def ask(
    *messages: Message, tools: tuple[ToolSpec, ...] = (), most: int = 1024
) -> CompletionRequest:
    return CompletionRequest(messages=messages, tools=tools, max_output_tokens=most)


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("I dispute this charge, I want a refund", "refund"),
        ("I forgot my password and cannot log in", "password"),
        ("Where is my package? Tracking says nothing", "shipping"),
        ("We reached the limit of our plan", "plan"),
        ("Why was my passport rejected in verification?", "kyc"),
        ("How do I cancel?", "cancel"),
        ("Please send me the invoice with VAT", "invoice"),
        ("The page shows an error", "outage"),
        ("Bonjour", "general"),
        ("My plane was late", "general"),
    ],
)
def test_topic_follows_the_customers_words(question: str, topic: str) -> None:
    assert topic_of(question).name == topic


def test_answer_names_the_facts_the_model_was_told() -> None:
    system = Message(role=Role.SYSTEM, content="Order ORD-77 was refunded by ticket 12 already.")
    completion = think(ask(system, user("Refund my $49.00 for #4821, please. $49.00!")), SMALL)

    assert completion.text == (f"{TOPICS[0].answer} I have noted ORD-77, ticket 12, $49.00, #4821.")
    assert completion.finish_reason is FinishReason.STOP
    assert completion.tool_calls == ()
    assert completion.model == "claude-haiku-4-5-20251001"
    assert completion.usage.input_tokens == -(-(len(system.content) + 44) // 4)
    assert completion.usage.output_tokens == -(-len(completion.text) // 4)


def test_larger_models_say_more() -> None:
    topic = topic_of("refund")

    assert [think(ask(user("refund")), model).text for model in (SMALL, MEDIUM, LARGE)] == [
        topic.answer,
        f"{topic.answer} {topic.reason}",
        f"{topic.answer} {topic.reason} {topic.steps}",
    ]


def test_same_request_gets_the_same_answer() -> None:
    request = ask(user("Where is my package #1?"))

    assert think(request, LARGE) == think(request, LARGE)


def test_answer_is_about_the_last_thing_the_customer_said() -> None:
    earlier = user("I want a refund")
    said = Message(role=Role.ASSISTANT, content="It is on its way.")

    assert think(ask(earlier, said, user("And my password?")), SMALL).text == TOPICS[1].answer


def test_answer_stops_at_the_limit() -> None:
    completion = think(ask(user("refund"), most=5), LARGE)

    assert completion.text == TOPICS[0].answer[:20]
    assert completion.finish_reason is FinishReason.LENGTH
    assert completion.usage.output_tokens == 5


@pytest.mark.parametrize(
    ("question", "tool"),
    [
        ("Use lookup_ticket for 1042", "lookup_ticket"),
        ("Look up ticket 1042, please", "lookup_ticket"),
        ("Can you check the tickets I opened?", "lookup_ticket"),
        ("Answer the ticket of Ana", "reply_to_ticket"),
        ("call reply_to_ticket, then look up the ticket", "reply_to_ticket"),
        ("I want a refund", None),
        ("My ticket is old", None),
    ],
)
def test_tool_is_called_when_the_customer_asks_for_it(question: str, tool: str | None) -> None:
    completion = think(ask(user(question), tools=(LOOKUP, REPLY)), SMALL)

    assert next((call.name for call in completion.tool_calls), None) == tool
    assert completion.finish_reason is (FinishReason.TOOL_CALLS if tool else FinishReason.STOP)
    assert bool(completion.text) is (tool is None)


def test_a_host_that_requires_a_call_gets_one_whatever_was_said() -> None:
    request = ask(user("Bonjour"), tools=(LOOKUP, REPLY))

    assert think(request, SMALL).tool_calls == ()
    assert [one.name for one in think(replace(request, tools_required=True), SMALL).tool_calls] == [
        "lookup_ticket"
    ]
    assert think(replace(ask(user("Bonjour")), tools_required=True), SMALL).tool_calls == ()


def test_tool_call_carries_arguments_and_counts_as_output() -> None:
    completion = think(ask(user("look up ticket 1042"), tools=(LOOKUP,)), SMALL)

    assert completion.tool_calls == (
        ToolCall(id="call_1", name="lookup_ticket", arguments_json='{"ticket_id": "1042"}'),
    )
    assert completion.usage.output_tokens == -(-(len("lookup_ticket") + 21) // 4)
    assert completion.usage.input_tokens == -(
        -(19 + len(LOOKUP.name + LOOKUP.description + LOOKUP.parameters_json)) // 4
    )


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (
            '{"status": "open", "assignee_id": 7, "tags": ["x"], "urgent": true}',
            "I used lookup_ticket and found: status open, assignee id 7.",
        ),
        ("No such ticket.", "I used lookup_ticket and found: No such ticket."),
        ("[1, 2]", "I used lookup_ticket and found: [1, 2]."),
        ("{}", "I used lookup_ticket and found: no details."),
        ("", "I used lookup_ticket and found: nothing."),
    ],
)
def test_tool_result_is_answered_in_words(result: str, text: str) -> None:
    call = ToolCall(id="call_9", name="lookup_ticket", arguments_json="{}")
    request = ask(
        user("look up ticket 1042"),
        Message(role=Role.ASSISTANT, content="", tool_calls=(call,)),
        Message(role=Role.TOOL, content=result, tool_call_id="call_9"),
        tools=(LOOKUP,),
    )
    completion = think(request, SMALL)

    assert (completion.text, completion.tool_calls) == (text, ())


def test_long_prompt_is_cached_from_its_second_time_on() -> None:
    cache = PromptCache()
    system = Message(role=Role.SYSTEM, content="x" * 6_000)
    first = ask(system, user("one!"))
    second = ask(system, user("two?"), user("more"))

    assert input_tokens(first) == 1_501
    assert cache.take("m", first) == Cached(read=0, written=1_501)
    assert cache.take("m", first) == Cached(read=1_501, written=0)
    assert cache.take("m", second) == Cached(read=1_500, written=2)
    assert cache.take("another", first) == Cached(read=0, written=1_501)


def test_short_prompt_is_never_cached() -> None:
    cache = PromptCache()
    request = ask(user("x" * 4_000))

    assert cache.take("m", request) == Cached()
    assert cache.take("m", request) == Cached()


def test_short_beginning_of_a_long_prompt_is_not_read_from_the_cache() -> None:
    cache = PromptCache()
    cache.take("m", ask(user("hi")))

    assert cache.take("m", ask(user("hi"), user("x" * 4_998))) == Cached(read=0, written=1_250)


@pytest.mark.parametrize(
    ("model", "line"), [("gpt-5-nano", "Confidence: 0.7"), ("gpt-5.1", "Confidence: 0.9")]
)
def test_an_answer_is_rated_where_the_instructions_show_how(model: str, line: str) -> None:
    rate = Message(role=Role.SYSTEM, content="Rate it in the last line:\nConfidence: 0.5")
    known = next(one for one in CATALOG if one.name == model)

    rated = think(ask(rate, user("Where is my parcel?")), known).text.splitlines()

    assert rated[-1] == line
    assert "\n".join(rated[:-1]) == think(ask(user("Where is my parcel?")), known).text


def test_catalog_has_three_sizes_of_three_families() -> None:
    assert [(one.name, one.model, one.family) for one in CATALOG] == [
        ("claude-haiku-4.5", "claude-haiku-4-5", "claude"),
        ("claude-sonnet-4.5", "claude-sonnet-4-5", "claude"),
        ("claude-opus-4.5", "claude-opus-4-5", "claude"),
        ("gpt-5-nano", "gpt-5-nano", "gpt"),
        ("gpt-5-mini", "gpt-5-mini", "gpt"),
        ("gpt-5.1", "gpt-5.1", "gpt"),
        ("gemini-2.5-flash-lite", "gemini-2.5-flash-lite", "gemini"),
        ("gemini-2.5-flash", "gemini-2.5-flash", "gemini"),
        ("gemini-2.5-pro", "gemini-2.5-pro", "gemini"),
    ]


@pytest.mark.parametrize("model", CATALOG, ids=lambda model: model.name)
def test_model_is_found_with_and_without_its_date_at_its_own_provider(model: SandboxModel) -> None:
    others = [kind for kind in ProviderKind if kind is not model.kind]

    assert find_model(model.kind, model.model) is model
    assert find_model(model.kind, model.served_as) is model
    assert [find_model(kind, model.model) for kind in others] == [None, None]
