"""Gemini's streamGenerateContent: every event is a GenerateContentResponse with the next parts.

Source: ai.google.dev/api/generate-content, 2026-11. No event says that it is the last.
"""

from mcp_router.domain.completion import FinishReason, ToolCall
from mcp_router.providers.answer import JsonObject, child, children, optional_text, parse
from mcp_router.providers.events import Event
from mcp_router.providers.gemini import FINISH, read_call, read_parts, read_usage
from mcp_router.providers.stream import StreamDecoder, broke_off


class GeminiStream(StreamDecoder):
    """Decodes the responses of one answer."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self._made: list[ToolCall] = []

    def _take(self, event: Event) -> str:
        answer = parse(event.data)

        if answer.get("error"):
            raise broke_off()

        self._model = self._model or optional_text(answer, "modelVersion")
        usage = child(answer, "usageMetadata") if answer.get("usageMetadata") else {}

        if usage.get("promptTokenCount") is not None:  # totals so far; the first may say nothing
            self._usage = read_usage(usage)

        candidates = children(answer, "candidates")
        return self._candidate(answer, candidates[0]) if candidates else self._none(answer)

    def _candidate(self, answer: JsonObject, candidate: JsonObject) -> str:
        parts = read_parts(candidate)

        for part in parts:
            if "functionCall" in part:  # always whole
                self._made.append(read_call(answer, part, len(self._made)))

        stopped = optional_text(candidate, "finishReason")

        if stopped:
            self._stopped = FINISH.get(stopped, FinishReason.OTHER)

        return "".join(optional_text(part, "text") for part in parts)

    def _none(self, answer: JsonObject) -> str:
        """Take a response without candidates: the prompt was blocked, or it brings counts."""
        feedback = child(answer, "promptFeedback") if answer.get("promptFeedback") else {}

        if optional_text(feedback, "blockReason"):
            self._stopped = FinishReason.CONTENT_FILTER

        return ""

    def _calls(self, stopped: FinishReason) -> tuple[ToolCall, ...]:
        return tuple(self._made)
