"""One conversation in the router's own words, for the tests of every wire format."""

import json
from collections.abc import Iterator

from mcp_router.canonical import JsonValue
from mcp_router.domain.completion import CompletionRequest, Message, Role, ToolCall, ToolSpec
from mcp_router.domain.secret import Secret
from mcp_router.domain.target import ModelTarget
from mcp_router.providers.wire import WireRequest

KEY = Secret("key-for-tests")
SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
TOOL = ToolSpec(
    name="lookup_ticket", description="Look a ticket up.", parameters_json=json.dumps(SCHEMA)
)
QUESTION = Message(role=Role.USER, content="Where is my parcel?")
ASK = CompletionRequest(messages=(QUESTION,), max_output_tokens=256)
CALLS = Message(
    role=Role.ASSISTANT,
    content="I look.",
    tool_calls=(
        ToolCall(id="call_0", name="lookup_ticket", arguments_json='{"id":"7"}'),
        ToolCall(id="call_1", name="find_customer", arguments_json='{"email":"a@b.test"}'),
    ),
)
RESULTS = (
    Message(role=Role.TOOL, content='{"status":"open"}', tool_call_id="call_0"),
    Message(role=Role.TOOL, content="", tool_call_id="call_1"),
)
ROUND_TRIP = CompletionRequest(
    messages=(
        Message(role=Role.SYSTEM, content="Be brief."),
        QUESTION,
        CALLS,
        *RESULTS,
        Message(role=Role.SYSTEM, content=""),
        Message(role=Role.SYSTEM, content="Say the ticket's status."),
        Message(role=Role.USER, content="And now?"),
    ),
    tools=(TOOL,),
    max_output_tokens=512,
    temperature=0.5,
)
NOT_OBJECTS = ("", "{", "[]", '"text"', "7", "null", "[" * 100_000)
ODD: tuple[JsonValue, ...] = (None, True, -1, 0.5, 10**12, 10**400, "", "x", [], [7], {}, {"x": 1})


def model(name: str) -> ModelTarget:
    return ModelTarget(name="m", provider="p", model=name, family="f")


def sent(request: WireRequest) -> JsonValue:
    value: JsonValue = json.loads(request.body)
    return value


def mutilated(value: JsonValue) -> Iterator[JsonValue]:
    """Yield `value` once for every place in it and every odd thing that could stand there."""
    yield from ODD

    if isinstance(value, dict):
        for key in value:
            yield {name: item for name, item in value.items() if name != key}
            yield from ({**value, key: changed} for changed in mutilated(value[key]))

    if isinstance(value, list):
        for place, item in enumerate(value):
            for changed in mutilated(item):
                yield [*value[:place], changed, *value[place + 1 :]]
