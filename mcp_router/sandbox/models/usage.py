"""Tokens, estimated so that the same texts always cost the same."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from mcp_router.domain.completion import CompletionRequest, Message

CHARACTERS_PER_TOKEN = 4
"""The rule of thumb of all three providers for English text."""

_SMALLEST_CACHED = 1024  # OpenAI, Anthropic and Gemini cache no shorter prompt
_REMEMBERED = 4096  # prefixes, the oldest are forgotten first


def tokens(characters: int) -> int:
    """Return the tokens of so many characters, rounded up.

    >>> tokens(9)
    3
    """
    return -(-characters // CHARACTERS_PER_TOKEN)


def input_tokens(request: CompletionRequest) -> int:
    """Return the tokens of the offered tools and of every message."""
    return tokens(_tool_characters(request) + sum(map(_characters, request.messages)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """How many tokens of a prompt were found in the cache, and how many went into it."""

    read: int = 0
    written: int = 0


class PromptCache:
    """The prompts a provider has seen, as prefixes of whole messages. Not safe between threads."""

    def __init__(self) -> None:
        """Start empty."""
        self._seen: OrderedDict[str, None] = OrderedDict()

    def take(self, model: str, request: CompletionRequest) -> Cached:
        """Return what of this prompt was seen before by this model, and remember all of it."""
        read = 0
        total = 0

        for seen_as, total in _prefixes(model, request):
            if seen_as in self._seen:
                read = total
            else:
                self._seen[seen_as] = None

        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

        if total < _SMALLEST_CACHED:
            return Cached()

        read = read if read >= _SMALLEST_CACHED else 0
        return Cached(read=read, written=total - read)


def _prefixes(model: str, request: CompletionRequest) -> Iterator[tuple[str, int]]:
    """Yield a digest and the tokens of the prompt up to each message."""
    running = hashlib.sha256(repr((model, request.tools)).encode())
    characters = _tool_characters(request)

    for message in request.messages:
        running.update(repr(message).encode())
        characters += _characters(message)
        yield running.hexdigest(), tokens(characters)


def _tool_characters(request: CompletionRequest) -> int:
    return sum(
        len(tool.name) + len(tool.description) + len(tool.parameters_json) for tool in request.tools
    )


def _characters(message: Message) -> int:
    calls = sum(len(call.name) + len(call.arguments_json) for call in message.tool_calls)
    return len(message.content) + calls
