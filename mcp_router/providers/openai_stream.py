"""OpenAI's chat completions as they stream.

Source: platform.openai.com/docs/api-reference/chat-streaming, 2026-11.
"""

from dataclasses import dataclass, field

from mcp_router.domain.completion import FinishReason, ToolCall
from mcp_router.providers.answer import (
    JsonObject,
    child,
    children,
    garbled,
    optional_text,
    parse,
)
from mcp_router.providers.events import Event
from mcp_router.providers.openai import FINISH, read_usage
from mcp_router.providers.stream import StreamDecoder, broke_off

_END = "[DONE]"


@dataclass(slots=True, kw_only=True)
class _Call:
    """A tool call whose arguments are still coming."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class OpenAIStream(StreamDecoder):
    """Decodes the chunks of one answer."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self._open: dict[int, _Call] = {}
        self._refused = False

    def _take(self, event: Event) -> str:
        if event.data == _END:
            self.ended = True
            return ""

        chunk = parse(event.data)

        if chunk.get("error"):
            raise broke_off()

        self._model = self._model or optional_text(chunk, "model")

        if chunk.get("usage"):
            self._usage = read_usage(child(chunk, "usage"))

        choices = children(chunk, "choices")  # none beside the usage at the end
        return self._choice(choices[0]) if choices else ""

    def _choice(self, choice: JsonObject) -> str:
        delta = child(choice, "delta") if choice.get("delta") else {}
        refusal = optional_text(delta, "refusal")
        self._refused = self._refused or bool(refusal)

        for piece in children(delta, "tool_calls"):
            self._piece(piece)

        stopped = optional_text(choice, "finish_reason")

        if stopped:
            self._stopped = FINISH.get(stopped, FinishReason.OTHER)

        if stopped and self._refused:
            self._stopped = FinishReason.CONTENT_FILTER

        return optional_text(delta, "content") + refusal

    def _piece(self, piece: JsonObject) -> None:
        """Take a piece of a call; servers that stream calls in one piece leave out its place."""
        place = piece.get("index")
        call = self._open.setdefault(place if isinstance(place, int) else len(self._open), _Call())
        function = child(piece, "function") if piece.get("function") else {}
        call.id = call.id or optional_text(piece, "id")
        call.name = call.name or optional_text(function, "name")
        call.arguments.append(optional_text(function, "arguments"))

    def _calls(self, stopped: FinishReason) -> tuple[ToolCall, ...]:
        calls = tuple(
            ToolCall(id=call.id, name=call.name, arguments_json="".join(call.arguments))
            for _, call in sorted(self._open.items())
        )

        if not all(call.id and call.name for call in calls):
            raise garbled("a tool call has no id or no name")

        return calls
