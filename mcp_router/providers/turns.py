"""Writing a request: what the three wire formats have in common."""

import json
from collections.abc import Callable, Sequence

from mcp_router.canonical import JsonValue
from mcp_router.domain.completion import CompletionRequest, Message, Role, ToolCall, ToolSpec
from mcp_router.errors import InvalidArguments
from mcp_router.providers.answer import JsonObject

Blocks = list[JsonValue]


def system_text(request: CompletionRequest) -> str:
    """Return all system messages as one, "" when there is none.

    Every provider gets the same one text, wherever the host put its parts, so that a fallback
    does not change what the model is told.
    """
    parts = (message.content for message in request.messages if message.role is Role.SYSTEM)
    return "\n\n".join(part for part in parts if part)


def spoken(request: CompletionRequest) -> tuple[Message, ...]:
    """Return the messages without the system's."""
    return tuple(message for message in request.messages if message.role is not Role.SYSTEM)


def merged(
    messages: Sequence[Message], blocks_of: Callable[[Message], Blocks]
) -> list[tuple[bool, Blocks]]:
    """Return turns that alternate, each as (whether the model speaks, its blocks).

    Tool results count as the user's turn. A message without blocks disappears: Anthropic and
    Gemini refuse empty text.
    """
    turns: list[tuple[bool, Blocks]] = []

    for message in messages:
        by_model = message.role is Role.ASSISTANT
        blocks = blocks_of(message)

        if not blocks:
            continue

        if turns and turns[-1][0] == by_model:
            turns[-1][1].extend(blocks)
        else:
            turns.append((by_model, blocks))

    return turns


def answered_call(message: Message) -> str:
    """Return the id of the call that a `tool` message answers.

    Raises:
        InvalidArguments: the message names none.
    """
    if not message.tool_call_id:
        raise InvalidArguments("A `tool` message does not say which tool call it answers.")

    return message.tool_call_id


def schema(tool: ToolSpec) -> JsonObject:
    """Return the JSON Schema of a tool's arguments.

    Raises:
        InvalidArguments: it is not a JSON object.
    """
    value = _parsed(tool.parameters_json)

    if not isinstance(value, dict):
        raise InvalidArguments("The parameters of a tool are not a JSON object.")

    return value


def arguments(call: ToolCall) -> JsonObject:
    """Return the arguments of a tool call of an earlier turn as an object.

    OpenAI's models may have written text that is not JSON, and another provider's format has no
    place for it; that model then reads the text under a name that says so.
    """
    if not call.arguments_json.strip():
        return {}

    value = _parsed(call.arguments_json)
    return value if isinstance(value, dict) else {"unparsed_arguments": call.arguments_json}


def json_body(value: JsonObject) -> bytes:
    """Return the bytes of a request's body.

    Raises:
        InvalidArguments: a number is not finite, or a tool nests too deeply.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise InvalidArguments("The request holds a value that JSON cannot carry.") from None


def _parsed(text: str) -> JsonValue:
    """Return the JSON value of `text`, None when it has none."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None

    return value
