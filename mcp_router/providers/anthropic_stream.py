"""Anthropic's messages as they stream.

Source: platform.claude.com/docs/en/build-with-claude/streaming, 2026-11. Events and deltas of
other kinds (thinking, signatures, citations, pings, those to come) are left out.
"""

from dataclasses import dataclass, field

from mcp_router.domain.completion import FinishReason, ToolCall
from mcp_router.errors import SendFailed
from mcp_router.providers.answer import (
    JsonObject,
    arguments_text,
    child,
    optional_text,
    parse,
    text,
)
from mcp_router.providers.anthropic import FINISH, read_usage
from mcp_router.providers.events import Event
from mcp_router.providers.stream import StreamDecoder, broke_off


@dataclass(slots=True, kw_only=True)
class _Use:
    """A tool call whose input is still coming."""

    block: JsonObject
    pieces: list[str] = field(default_factory=list)

    def call(self) -> ToolCall:
        """Return the call; without pieces its input is the one that it began with."""
        written = "".join(self.pieces)
        return ToolCall(
            id=text(self.block, "id"),
            name=text(self.block, "name"),
            arguments_json=arguments_text(
                {"input": parse(written)} if written else self.block, "input"
            ),
        )


class AnthropicStream(StreamDecoder):
    """Decodes the events of one message."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self._counts: JsonObject = {}
        self._uses: list[_Use] = []
        self._use: _Use | None = None  # the block that is open, if it is a call

    def _take(self, event: Event) -> str:
        data = parse(event.data)
        said = ""

        match text(data, "type"):
            case "message_start":
                self._start(child(data, "message"))
            case "content_block_start":
                said = self._block(child(data, "content_block"))
            case "content_block_delta":
                said = self._delta(child(data, "delta"))
            case "message_delta":
                self._finish(data)
            case "message_stop":
                self.ended = True
            case "error":
                raise broke_off()

        return said

    def _start(self, message: JsonObject) -> None:
        self._model = text(message, "model")
        self._count(child(message, "usage"))

    def _block(self, block: JsonObject) -> str:
        kind = text(block, "type")
        self._use = _Use(block=block) if kind == "tool_use" else None

        if self._use is not None:
            self._uses.append(self._use)

        return optional_text(block, "text") if kind == "text" else ""

    def _delta(self, delta: JsonObject) -> str:
        """Take a piece of the block that is open; blocks come one after the other."""
        kind = text(delta, "type")

        if kind == "input_json_delta" and self._use is not None:
            self._use.pieces.append(optional_text(delta, "partial_json"))

        return optional_text(delta, "text") if kind == "text_delta" else ""

    def _finish(self, data: JsonObject) -> None:
        stopped = optional_text(child(data, "delta"), "stop_reason")
        self._stopped = FINISH.get(stopped, FinishReason.OTHER)

        if data.get("usage"):
            self._count(child(data, "usage"))

    def _count(self, usage: JsonObject) -> None:
        """Take counts, which are totals so far; those that an event leaves out still hold."""
        told = {name: value for name, value in usage.items() if value is not None}
        self._counts = {**self._counts, **told}
        self._usage = read_usage(self._counts)

    def _calls(self, stopped: FinishReason) -> tuple[ToolCall, ...]:
        calls = []

        for use in self._uses:
            try:
                calls.append(use.call())
            except SendFailed:
                # Cut off by the limit on its output, the model leaves its last call unfinished.
                if stopped is not FinishReason.LENGTH or use is not self._uses[-1]:
                    raise

        return tuple(calls)
