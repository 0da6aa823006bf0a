"""Reading a provider's answer: JSON from outside, in which nothing can be taken for granted."""

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from mcp_router.canonical import JsonValue
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.completion import FinishReason, ToolCall
from mcp_router.errors import SendFailed

JsonObject: TypeAlias = Mapping[str, JsonValue]

_TOKENS = 1_000_000_000  # beyond any context window: a count that a sum or a column cannot hold


def garbled(what: str) -> SendFailed:
    """Return the failure for an answer that is not what the vendor documents.

    `what` names the place; it never quotes the answer. Only the body of a 200 is ever read.
    """
    return SendFailed(
        f"The provider's answer cannot be read: {what}.",
        evidence=Evidence.UNKNOWN,
        reason=Reason.GARBLED,
        status=200,
    )


def parse(body: bytes | str) -> JsonObject:
    """Return the JSON object that `body` holds.

    Raises:
        SendFailed: it is not JSON, nests too deeply, or is not an object.
    """
    try:
        value: JsonValue = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise garbled("it is not JSON") from None

    return _object(value, "the body")


def child(parent: JsonObject, name: str) -> JsonObject:
    """Return the object under `name`; absent and null are a surprise."""
    return _object(parent.get(name), name)


def children(parent: JsonObject, name: str) -> tuple[JsonObject, ...]:
    """Return the list of objects under `name`, empty when it is absent or null."""
    value = parent.get(name)

    if value is None:
        return ()

    if isinstance(value, str) or not isinstance(value, Sequence):
        raise garbled(f"`{name}` is not a list")

    return tuple(_object(item, name) for item in value)


def text(parent: JsonObject, name: str) -> str:
    """Return the non-empty text under `name`."""
    value = optional_text(parent, name)

    if not value:
        raise garbled(f"`{name}` is missing")

    return value


def optional_text(parent: JsonObject, name: str) -> str:
    """Return the text under `name`, "" when it is absent or null."""
    value = parent.get(name)

    if value is None:
        return ""

    if not isinstance(value, str):
        raise garbled(f"`{name}` is not text")

    return whole_characters(value)


def count(parent: JsonObject, name: str) -> int:
    """Return the number of tokens under `name`; absent and null are a surprise."""
    if parent.get(name) is None:
        raise garbled(f"`{name}` is missing")

    return optional_count(parent, name)


def optional_count(parent: JsonObject, name: str) -> int:
    """Return the number of tokens under `name`, 0 when it is absent or null."""
    value = parent.get(name)

    if value is None:
        return 0

    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _TOKENS:
        raise garbled(f"`{name}` is not a number of tokens")

    return value


def optional_logprob(parent: JsonObject, name: str) -> float | None:
    """Return the log-probability under `name`; None when it is absent, null or no probability.

    It is a by-product that no answer is thrown away for.
    """
    value = parent.get(name)
    usual = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usual and isinstance(value, int | float) and value <= 0 else None


def arguments_text(parent: JsonObject, name: str) -> str:
    """Return the object under `name` as compact JSON text, `{}` when it is absent or null."""
    if parent.get(name) is None:
        return "{}"

    value = child(parent, name)

    try:
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError):
        raise garbled(f"`{name}` cannot be written as JSON") from None

    return whole_characters(written)


def settle(reason: FinishReason, calls: tuple[ToolCall, ...]) -> FinishReason:
    """Return why the model stopped, in agreement with the tool calls that it made.

    Gemini says STOP and OpenAI, where a tool was forced, `stop` when the model calls tools.
    """
    if calls and reason is FinishReason.STOP:
        return FinishReason.TOOL_CALLS

    if not calls and reason is FinishReason.TOOL_CALLS:
        raise garbled("it announces tool calls and has none")

    return reason


def whole_characters(value: str) -> str:
    """Return `value` with every half of a surrogate pair replaced.

    A model that stops inside an emoji can emit half of one; it could be neither stored nor sent.

    >>> whole_characters("fine \\ud83d")
    'fine \\ufffd'
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    return value


def _object(value: JsonValue, name: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise garbled(f"`{name}` is not an object")

    return value


def _no_constant(name: str) -> JsonValue:
    """Refuse NaN and Infinity, which Python reads although JSON has none."""
    raise ValueError(name)
