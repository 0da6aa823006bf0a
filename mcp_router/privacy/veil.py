"""The veil between one conversation and the models: values go behind it, and come back to it.

Everything that leaves for a model passes `hide`, advisors included; everything that a model sends
passes `reveal` before anybody reads it. What is never restored stays hidden on both sides.
"""

import json
from collections.abc import Iterable
from dataclasses import replace

from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    Emit,
    Message,
    Role,
    ToolCall,
)
from mcp_router.domain.privacy import Finding, PiiCount, PiiKind
from mcp_router.privacy.json_texts import hide_in_json
from mcp_router.privacy.placeholders import (
    NO_PLACEHOLDERS,
    Book,
    Digest,
    Placeholders,
    held_back,
    hide,
    reveal,
)
from mcp_router.signals.detector import Detector

EXPLANATION = (
    "Words in brackets such as [EMAIL_1] stand for values that are hidden from you. Where your "
    "answer needs one, write it exactly as it stands."
)
"""What a model is told where something is hidden from it."""


class Veil:
    """Hides and reveals for one call, and goes on where its conversation stands."""

    def __init__(
        self,
        detector: Detector,
        digest: Digest,
        *,
        state: Placeholders = NO_PLACEHOLDERS,
        hides: bool = True,
        kept_under: bytes | None = None,
    ) -> None:
        """Start where the conversation stands; one that does not `hide` only counts.

        `kept_under` is the wrapped key that the subject had then; None: nothing is to be kept.
        """
        self._detector = detector
        self._digest = digest
        self._hides = hides
        self._hidden: dict[Message, Message] = {}  # each turn once, however often it is sent
        self._seen: dict[PiiKind, set[str]] = {}
        self._book = Book(state)
        self.kept_under = kept_under
        self.has_revealed = False

    @property
    def state(self) -> Placeholders:
        """Return what the conversation has hidden so far."""
        return self._book.state

    @property
    def counts(self) -> tuple[PiiCount, ...]:
        """Return how many different values of each kind this call has held."""
        return tuple(
            PiiCount(kind=kind, values=len(values)) for kind, values in sorted(self._seen.items())
        )

    def hide(self, request: CompletionRequest) -> CompletionRequest:
        """Return the request as a model may see it; the conversation's state goes on."""
        messages = tuple(map(self._once, request.messages))

        if not self._hides or messages == request.messages:
            return request

        told = Message(role=Role.SYSTEM, content=EXPLANATION)
        return replace(request, messages=(told, *messages))

    def reveal(self, completion: Completion) -> Completion:
        """Return a model's answer as the requester may see it."""
        if not self._hides:
            return completion

        text = self.revealed(completion.text)
        calls = tuple(map(self._revealed_call, completion.tool_calls))

        if text == completion.text and calls == completion.tool_calls:
            return completion

        self.has_revealed = True
        return replace(completion, text=text, tool_calls=calls)

    def revealed(self, text: str) -> str:
        """Return a piece of an answer as the requester may see it."""
        return reveal(self._book, text) if self._hides else text

    def keepable(self, request: CompletionRequest) -> CompletionRequest:
        """Return the request as it may be kept: only what is never restored stays hidden."""
        messages = (
            replace(
                one,
                content=reveal(self._book, one.content),
                tool_calls=tuple(map(self._revealed_call, one.tool_calls)),
            )
            for one in map(self._behind, request.messages)
        )
        return replace(request, messages=tuple(messages))

    def keepable_answer(self, answer: Completion) -> Completion:
        """Return an answer as it may be kept."""
        turn = Message(role=Role.ASSISTANT, content=answer.text, tool_calls=answer.tool_calls)
        behind = self._behind(turn)
        return replace(
            answer,
            text=reveal(self._book, behind.content),
            tool_calls=tuple(map(self._revealed_call, behind.tool_calls)),
        )

    def _once(self, message: Message) -> Message:
        """Return one turn as a model may see it, and count what it holds."""
        if message not in self._hidden:
            behind = self._behind(message, counts=True)
            self._hidden[message] = behind if self._hides else message

        return self._hidden[message]

    def _behind(self, message: Message, *, counts: bool = False) -> Message:
        """Return one turn with placeholders."""

        def text(before: str, words: str) -> str:
            return self._text(before, words, counts=counts)

        is_json = message.role is Role.TOOL and message.content.lstrip()[:1] in ("{", "[")
        return replace(
            message,
            content=hide_in_json(message.content, text) if is_json else text("", message.content),
            tool_calls=tuple(
                replace(one, arguments_json=hide_in_json(one.arguments_json, text))
                for one in message.tool_calls
            ),
        )

    def _text(self, before: str, text: str, *, counts: bool) -> str:
        """Return a text with placeholders; `before` is read with it and left out again."""
        found = _within(self._detector.find(before + text), len(before))

        if counts:
            for one in found:
                self._seen.setdefault(one.kind, set()).add(text[one.start : one.end])

        return hide(self._book, text, found, self._digest)

    def _revealed_call(self, call: ToolCall) -> ToolCall:
        arguments = reveal(self._book, call.arguments_json, in_json=True)
        return replace(call, arguments_json=arguments)


def _within(found: Iterable[Finding], start: int) -> tuple[Finding, ...]:
    """Return the findings of a text that stood `start` signs further back when it was read."""
    if start == 0:
        return tuple(found)

    return tuple(
        Finding(start=max(0, one.start - start), end=one.end - start, kind=one.kind)
        for one in found
        if one.end > start
    )


class Unveiling:
    """Hands on a streamed answer with its values back, and never half of a placeholder."""

    def __init__(self, veil: Veil, emit: Emit) -> None:
        """Hand on to `emit`."""
        self._veil = veil
        self._emit = emit
        self._waiting = ""

    async def feed(self, piece: str) -> None:
        """Take the next piece, and hand on what cannot become a placeholder any more."""
        self._waiting += piece
        ready = held_back(self._waiting)
        await self._hand_on(self._waiting[:ready])
        self._waiting = self._waiting[ready:]

    async def finish(self) -> None:
        """Hand on what was held back: the answer has ended, or broken off."""
        await self._hand_on(self._waiting)
        self._waiting = ""

    async def _hand_on(self, text: str) -> None:
        if text:
            await self._emit(self._veil.revealed(text))


def content_of(request: CompletionRequest) -> str:
    """Return the turns of a request as one text, to be kept or digested."""
    turns = [
        {
            "role": one.role.value,
            "content": one.content,
            "tool_calls": [call.arguments_json for call in one.tool_calls],
        }
        for one in request.messages
    ]
    return json.dumps(turns, ensure_ascii=False, separators=(",", ":"))


def content_of_answer(completion: Completion) -> str:
    """Return an answer as one text, to be kept or digested."""
    calls = [[one.name, one.arguments_json] for one in completion.tool_calls]
    return json.dumps([completion.text, calls], ensure_ascii=False, separators=(",", ":"))
