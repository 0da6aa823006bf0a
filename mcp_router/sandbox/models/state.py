"""What the embedded model servers remember and how they are told to behave."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from mcp_router.clock import Clock, SystemClock
from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    FinishReason,
    ToolCall,
    Usage,
)
from mcp_router.sandbox.models.ask import Ask, JsonObject, Served
from mcp_router.sandbox.models.brain import output_tokens, think
from mcp_router.sandbox.models.usage import PromptCache, input_tokens
from mcp_router.settings import ProviderKind

REMEMBERED_REQUESTS = 200
"""How many requests are kept; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """What a model was told: the JSON as it came, and its meaning. `model` is the provider's."""

    kind: ProviderKind
    model: str
    body: JsonObject
    request: CompletionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedAnswer:
    """An answer to give instead of a thought, for the next `times` requests.

    `model` (the provider's name) None fits every model. Without `finish_reason` it follows from
    whether there are tool calls; their ids are replaced. `mean_logprob` is told by Gemini alone.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason | None = None
    model: str | None = None
    times: int = 1
    mean_logprob: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a model takes one request: when it answers, and what if not what it thinks."""

    latency_ms: float
    answer: ScriptedAnswer | None = None


class ModelsState:
    """All three model servers' memory; safe between threads."""

    def __init__(
        self,
        *,
        latency_ms: int = 0,
        clock: Clock | None = None,
        behave: Callable[[Ask], Behaviour] | None = None,
    ) -> None:
        """Answer after `latency_ms`, or as `behave` says of each request; `clock` dates answers."""
        self._clock = clock or SystemClock()
        self._behave = behave
        self._lock = threading.Lock()
        self._latency_ms = latency_ms
        self._latencies_ms: dict[str, int] = {}
        self._received: deque[ReceivedRequest] = deque(maxlen=REMEMBERED_REQUESTS)
        self._script: list[tuple[ScriptedAnswer, int]] = []
        self._cache = PromptCache()
        self._served = 0

    @property
    def latency_ms(self) -> int:
        """How long models wait before they answer, unless `set_latency` said otherwise."""
        with self._lock:
            return self._latency_ms

    @latency_ms.setter
    def latency_ms(self, latency_ms: int) -> None:
        with self._lock:
            self._latency_ms = latency_ms

    def set_latency(self, model: str, latency_ms: int) -> None:
        """Let the model that its provider names `model` answer after `latency_ms`."""
        with self._lock:
            self._latencies_ms[model] = latency_ms

    def latency_of(self, model: str) -> int:
        """Return how many milliseconds this model waits."""
        with self._lock:
            return self._latencies_ms.get(model, self._latency_ms)

    def behaviour(self, ask: Ask) -> Behaviour:
        """Return how this request is to be taken; asked once for each, before the model waits."""
        if self._behave is not None:
            return self._behave(ask)

        return Behaviour(latency_ms=self.latency_of(ask.model.model))

    def script(self, *answers: ScriptedAnswer) -> None:
        """Append answers that come before any thought, oldest first."""
        with self._lock:
            self._script.extend((answer, answer.times) for answer in answers)

    def requests(self, model: str | None = None) -> tuple[ReceivedRequest, ...]:
        """Return the last requests, oldest first: all, or those to one model."""
        with self._lock:
            return tuple(one for one in self._received if model in (None, one.model))

    def serve(self, ask: Ask, answer: ScriptedAnswer | None = None) -> Served:
        """Remember the request and return the answer to it: the script's, `answer` or a thought."""
        with self._lock:
            self._served += 1
            number = self._served
            name = ask.model.model
            self._received.append(
                ReceivedRequest(kind=ask.model.kind, model=name, body=ask.body, request=ask.request)
            )
            scripted = self._take(name) or answer
            usage = self._usage(ask)

        completion = think(ask.request, ask.model) if scripted is None else _spoken(scripted, ask)

        calls = tuple(
            replace(call, id=f"{_CALL_PREFIX[ask.model.kind]}{_token(number, place)}")
            for place, call in enumerate(completion.tool_calls, start=1)
        )
        usage = replace(
            usage,
            input_tokens=completion.usage.input_tokens,
            output_tokens=completion.usage.output_tokens,
        )
        return Served(
            completion=replace(completion, tool_calls=calls, usage=usage),
            id=_token(number, 0),
            at_s=self._clock.now_ms() // 1000,
        )

    def _take(self, model: str) -> ScriptedAnswer | None:
        for place, (answer, left) in enumerate(self._script):
            if answer.model in (None, model):
                self._script[place : place + 1] = [(answer, left - 1)] if left > 1 else []
                return answer

        return None

    def _usage(self, ask: Ask) -> Usage:
        """Return what the prompt cache did, by itself or where the caller marked the prompt."""
        if ask.explicit_cache and not _marks_cache(ask.body):
            return Usage(input_tokens=0, output_tokens=0)

        cached = self._cache.take(ask.model.model, ask.request)
        return Usage(
            input_tokens=0,
            output_tokens=0,
            cache_read_tokens=cached.read,
            cache_write_tokens=cached.written if ask.explicit_cache else 0,
        )


_CALL_PREFIX = {
    ProviderKind.OPENAI: "call_",
    ProviderKind.ANTHROPIC: "toolu_",
    ProviderKind.GEMINI: "",
}


def _spoken(scripted: ScriptedAnswer, ask: Ask) -> Completion:
    calls = scripted.tool_calls
    usual = FinishReason.TOOL_CALLS if calls else FinishReason.STOP
    return Completion(
        text=scripted.text,
        mean_logprob=scripted.mean_logprob,
        tool_calls=calls,
        finish_reason=scripted.finish_reason or usual,
        usage=Usage(
            input_tokens=input_tokens(ask.request),
            output_tokens=output_tokens(scripted.text, calls),
        ),
        model=ask.model.served_as,
    )


def _token(number: int, place: int) -> str:
    """Return an id that looks like a provider's and is the same in every run."""
    return hashlib.sha256(f"{number}.{place}".encode()).hexdigest()[:24]


def _marks_cache(value: object) -> bool:
    if isinstance(value, dict):
        return "cache_control" in value or any(map(_marks_cache, value.values()))

    return isinstance(value, list) and any(map(_marks_cache, value))
