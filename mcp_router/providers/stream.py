"""A streamed answer while it comes in: what the decoders of the three wire formats share."""

from abc import ABC, abstractmethod
from dataclasses import replace

from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    FinishReason,
    ToolCall,
    Usage,
)
from mcp_router.errors import SendFailed
from mcp_router.providers.answer import garbled, settle
from mcp_router.providers.events import Event
from mcp_router.providers.tokens import estimate_tokens, text_tokens


def broke_off() -> SendFailed:
    """Return the failure for a stream in which the provider reports an error of its own.

    It is an answer of 200 all the same, and work may have been done.
    """
    return SendFailed(
        "The provider broke off its answer with an error.",
        evidence=Evidence.UNKNOWN,
        reason=Reason.SERVER_ERROR,
        status=200,
    )


class StreamDecoder(ABC):
    """Takes the events of one answer in order; pure, and used once."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.ended = False  # the format says that no event follows
        self._model = ""
        self._usage: Usage | None = None
        self._stopped: FinishReason | None = None
        self._texts: list[str] = []

    def take(self, event: Event) -> str:
        """Take the next event and return the text that it adds, often "".

        Raises:
            SendFailed: the event is not what the format says, or reports an error.
        """
        said = self._take(event)

        if said:
            self._texts.append(said)

        return said

    def whole(self, request: CompletionRequest) -> Completion:
        """Return the answer to `request` after its last event, equal to the one not streamed.

        Many servers that speak a vendor's format stream no usage; it is estimated then.

        Raises:
            SendFailed: the answer did not come to its end, or a tool call in it cannot be read.
        """
        if self._stopped is None:
            raise garbled("it ends before the model has stopped")

        calls = self._calls(self._stopped)
        return Completion(
            text="".join(self._texts),
            tool_calls=calls,
            finish_reason=settle(self._stopped, calls),
            usage=self._usage or self._estimate(request, calls),
            model=self._model,
        )

    def incomplete(self, request: CompletionRequest) -> Completion:
        """Return what has come so far, as an answer that says it is incomplete.

        Tool calls are left out: half a call is none. A count of the output that came before the
        end may be lower than what was said by then, and is never taken for less than that.
        """
        estimate = self._estimate(request, ())
        known = self._usage or estimate
        return Completion(
            text="".join(self._texts),
            tool_calls=(),
            finish_reason=FinishReason.INCOMPLETE,
            usage=replace(known, output_tokens=max(known.output_tokens, estimate.output_tokens)),
            model=self._model,
        )

    @abstractmethod
    def _take(self, event: Event) -> str:
        """Return the text that an event adds."""

    @abstractmethod
    def _calls(self, stopped: FinishReason) -> tuple[ToolCall, ...]:
        """Return the tool calls of an answer that has come to its end."""

    def _estimate(self, request: CompletionRequest, calls: tuple[ToolCall, ...]) -> Usage:
        said = [*self._texts, *(call.name + call.arguments_json for call in calls)]
        return Usage(
            input_tokens=estimate_tokens(request), output_tokens=text_tokens("".join(said))
        )
