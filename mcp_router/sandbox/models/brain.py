"""What an embedded model says: the same to the same request, whoever serves it."""

import json
import re
from collections.abc import Sequence

from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    ToolCall,
    ToolSpec,
    Usage,
)
from mcp_router.sandbox.models.arguments import tool_arguments
from mcp_router.sandbox.models.catalog import SandboxModel, Tier
from mcp_router.sandbox.models.topics import Topic, topic_of
from mcp_router.sandbox.models.usage import CHARACTERS_PER_TOKEN, input_tokens, tokens

_VERBS = (
    {"lookup", "get", "find", "show", "fetch", "read", "search", "check", "list", "view"},
    {"create", "open", "file", "raise", "add", "new", "make", "start"},
    {"reply", "answer", "respond", "send", "write"},
    {"update", "change", "set", "edit", "modify", "mark"},
    {"escalate", "transfer", "handover", "human"},
    {"cancel", "stop", "end", "close"},
    {"sync", "synchronise", "synchronize", "copy", "mirror"},
    {"refund", "reimburse"},
)
_FILLERS = {"to", "a", "an", "the", "by", "for", "of", "in", "from", "with", "my"}
_FACT = re.compile(
    r"#\d+|\b[A-Z]{2,}-\d+\b|[$€£]\s?\d+(?:[.,]\d{2})?|\b(?:ticket|order|invoice|case) \d+\b"
)
_RATED = re.compile(r"^Confidence: \d", re.MULTILINE)
_RATINGS = {Tier.SMALL: 0.7, Tier.MEDIUM: 0.8, Tier.LARGE: 0.9}
_MOST_FACTS = 6
_MOST_RESULT_FIELDS = 8


def think(request: CompletionRequest, model: SandboxModel) -> Completion:
    """Return the answer of `model`: a tool call if customer or host ask for one, else text.

    Tool calls carry ids that count from `call_1`; the caller replaces them by its provider's. A
    text ends with a line `Confidence: 0.8` where the instructions show such a line.
    """
    last = request.messages[-1]
    said = _last_said(request.messages)
    tool = _wanted_tool(request.tools, said) if last.role is not Role.TOOL else None

    if tool is None and request.tools_required:
        tool = next(iter(request.tools), None)

    calls: tuple[ToolCall, ...] = ()
    text = ""
    reason = FinishReason.STOP

    if tool is not None:
        arguments = tool_arguments(tool.parameters_json, said)
        calls = (ToolCall(id="call_1", name=tool.name, arguments_json=arguments),)
        reason = FinishReason.TOOL_CALLS
    elif last.role is Role.TOOL:
        text = _report(request.messages)
    else:
        text = _advise(topic_of(said), model.tier, _facts(request.messages))

        if _wants_rating(request.messages):
            text = f"{text}\nConfidence: {_RATINGS[model.tier]}"

    most = request.max_output_tokens * CHARACTERS_PER_TOKEN

    if len(text) > most:
        text, reason = text[:most], FinishReason.LENGTH

    return Completion(
        text=text,
        tool_calls=calls,
        finish_reason=reason,
        usage=Usage(input_tokens=input_tokens(request), output_tokens=output_tokens(text, calls)),
        model=model.served_as,
    )


def output_tokens(text: str, calls: Sequence[ToolCall]) -> int:
    """Return the tokens of an answer, at least one."""
    called = sum(len(call.name) + len(call.arguments_json) for call in calls)
    return max(1, tokens(len(text) + called))


def _last_said(messages: Sequence[Message]) -> str:
    return next((one.content for one in reversed(messages) if one.role is Role.USER), "")


def _wanted_tool(tools: Sequence[ToolSpec], said: str) -> ToolSpec | None:
    """Return the tool that `said` asks for: by its name, or by every word of its name."""
    words = _words(said)
    best: tuple[int, ToolSpec] | None = None

    for tool in tools:
        parts = [part for part in _name_words(tool.name) if part not in _FILLERS]

        if re.search(rf"\b{re.escape(tool.name)}\b", said):
            return tool

        if all(_means(part, words) for part in parts) and len(parts) > (best[0] if best else 0):
            best = (len(parts), tool)

    return best[1] if best else None


def _name_words(name: str) -> list[str]:
    """Return the words of a tool's name.

    >>> _name_words("lookupTicket_by-id")
    ['lookup', 'ticket', 'by', 'id']
    """
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)]


def _words(text: str) -> set[str]:
    joined = text.lower().replace("look up", "lookup").replace("hand over", "handover")
    found = set(re.findall(r"[a-z]+", joined))
    return found | {word.removesuffix("s") for word in found}


def _means(part: str, words: set[str]) -> bool:
    return part in words or any(part in verbs and verbs & words for verbs in _VERBS)


def _wants_rating(messages: Sequence[Message]) -> bool:
    """Return whether the instructions show a line of its own that rates the answer."""
    return any(one.role is Role.SYSTEM and _RATED.search(one.content) for one in messages)


def _facts(messages: Sequence[Message]) -> list[str]:
    """Return the ticket numbers, order numbers and amounts that the model was told, once each."""
    found: dict[str, None] = {}

    for message in messages:
        found.update(dict.fromkeys(_FACT.findall(message.content)))

    return list(found)[:_MOST_FACTS]


def _advise(topic: Topic, tier: Tier, facts: Sequence[str]) -> str:
    parts = [topic.answer]

    if facts:
        parts.append(f"I have noted {', '.join(facts)}.")

    if tier is not Tier.SMALL:
        parts.append(topic.reason)

    if tier is Tier.LARGE:
        parts.append(topic.steps)

    return " ".join(parts)


def _report(messages: Sequence[Message]) -> str:
    """Say what the last tool found out."""
    last = messages[-1]
    names = {call.id: call.name for one in messages for call in one.tool_calls}
    name = names.get(last.tool_call_id or "", "the tool")
    return f"I used {name} and found: {_found(last.content)}."


def _found(content: str) -> str:
    try:
        result = json.loads(content)
    except ValueError:
        return content.strip()[:300].rstrip(".") or "nothing"

    if not isinstance(result, dict):
        return json.dumps(result)[:300]

    fields = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in result.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    ]
    return ", ".join(fields[:_MOST_RESULT_FIELDS])[:600] or "no details"
