"""A model provider: its wire format, its key and its connections."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never
from urllib.parse import urlsplit

from mcp_router.domain.completion import Completion, CompletionRequest, Emit
from mcp_router.domain.secret import Secret
from mcp_router.domain.target import ModelTarget
from mcp_router.errors import InvalidSettings, SendFailed
from mcp_router.providers import anthropic, gemini, openai
from mcp_router.providers.answer import children, parse
from mcp_router.providers.anthropic_stream import AnthropicStream
from mcp_router.providers.gemini_stream import GeminiStream
from mcp_router.providers.openai_stream import OpenAIStream
from mcp_router.providers.stream import StreamDecoder
from mcp_router.providers.wire import Wire, WireRequest
from mcp_router.settings import ProviderKind, ProviderSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """A wire format; `listing` asks for the models, which its answer keeps under `listed`."""

    encode: Callable[[ModelTarget, CompletionRequest, Secret], WireRequest]
    decode: Callable[[bytes], Completion]
    encode_stream: Callable[[ModelTarget, CompletionRequest, Secret], WireRequest]
    stream_decoder: Callable[[], StreamDecoder]
    listing: Callable[[Secret], WireRequest]
    listed: str


class Provider:
    """One configured provider; every method may run many times at once."""

    def __init__(self, settings: ProviderSettings, wire: Wire) -> None:
        """Speak the format of `settings.kind` over `wire`, which is closed with this provider."""
        self.name = settings.name
        self.kind = settings.kind
        self._api_key = settings.api_key
        self._host = urlsplit(settings.base_url).hostname
        self._codec = _codec(settings.kind)
        self._wire = wire

    async def complete(
        self, model: ModelTarget, request: CompletionRequest, *, timeout_s: float
    ) -> Completion:
        """Send one request for a completion, once, and return the answer.

        Raises:
            InvalidArguments: the request cannot be written in this format; nothing was sent.
            SendFailed: no completion came; its evidence says what may have happened.
        """
        sent = self._codec.encode(model, request, self._api_key)
        completion = self._codec.decode(await self._wire.send(sent, timeout_s=timeout_s))
        return _named(completion, model)

    async def stream(
        self, model: ModelTarget, request: CompletionRequest, *, timeout_s: float, emit: Emit
    ) -> Completion:
        """Send one request for a completion, once; emit its text as it comes and return the answer.

        Once text was emitted, an answer that breaks off is returned as far as it came, without its
        tool calls, and its finish reason says that it is incomplete. What `emit` raises passes
        through; the time that it takes counts against `timeout_s`.

        Raises:
            InvalidArguments: the request cannot be written in this format; nothing was sent.
            SendFailed: nothing was emitted, and no completion came; its evidence says what may
                have happened.
        """
        sent = self._codec.encode_stream(model, request, self._api_key)
        decoder = self._codec.stream_decoder()
        emitted = False

        try:
            async with self._wire.stream(sent, timeout_s=timeout_s) as events:
                async for event in events:
                    if piece := decoder.take(event):
                        emitted = True
                        await emit(piece)

                    if decoder.ended:
                        break

            completion = decoder.whole(request)

        except SendFailed:
            if not emitted:
                raise

            completion = decoder.incomplete(request)

        return _named(completion, model)

    async def check(self, *, timeout_s: float) -> str:
        """Return one line for people: the provider answers and accepts the key. Costs nothing.

        Raises:
            SendFailed: it does not.
        """
        listing = self._codec.listing(self._api_key)
        answer = parse(await self._wire.send(listing, timeout_s=timeout_s))
        models = len(children(answer, self._codec.listed))
        return f"{self._host} accepts the key and lists {models} models"

    async def aclose(self) -> None:
        """Close every connection."""
        await self._wire.aclose()


def open_provider(settings: ProviderSettings) -> Provider:
    """Return the provider that `settings` describe, without connecting to it.

    Raises:
        InvalidSettings: its URL, certificates or key cannot be used.
    """
    key = settings.api_key.reveal()

    if not key or not key.isascii() or not key.isprintable():
        raise InvalidSettings(
            f"providers.{settings.name}.api_key is empty or not made of plain characters."
        )

    return Provider(settings, Wire(settings.base_url, ca_bundle=settings.ca_bundle))


def _named(completion: Completion, model: ModelTarget) -> Completion:
    """Return the completion with a model's name, ours where the provider gave none."""
    return completion if completion.model else replace(completion, model=model.model)


def _codec(kind: ProviderKind) -> Codec:
    match kind:
        case ProviderKind.ANTHROPIC:
            return _ANTHROPIC
        case ProviderKind.OPENAI:
            return _OPENAI
        case ProviderKind.GEMINI:
            return _GEMINI
        case _:
            assert_never(kind)


_ANTHROPIC = Codec(
    encode=anthropic.encode,
    decode=anthropic.decode,
    encode_stream=anthropic.encode_stream,
    stream_decoder=AnthropicStream,
    listing=anthropic.listing,
    listed=anthropic.LISTED,
)
_OPENAI = Codec(
    encode=openai.encode,
    decode=openai.decode,
    encode_stream=openai.encode_stream,
    stream_decoder=OpenAIStream,
    listing=openai.listing,
    listed=openai.LISTED,
)
_GEMINI = Codec(
    encode=gemini.encode,
    decode=gemini.decode,
    encode_stream=gemini.encode_stream,
    stream_decoder=GeminiStream,
    listing=gemini.listing,
    listed=gemini.LISTED,
)
