"""How long a request is, before any provider has counted it."""

from mcp_router.domain.completion import CompletionRequest

_PER_MESSAGE = 4  # role and separators, about the same for every family
_PER_TOOL = 8  # the frame that a provider writes around a tool's schema
_BYTES_PER_TOKEN = 4


def estimate_tokens(request: CompletionRequest) -> int:
    """Return about how many input tokens `request` has, rounded up.

    A token is four bytes of UTF-8: four letters of English, fewer characters of scripts that
    every vendor's tokenizer cuts finer. An estimate, for signals, ranking and reservations; what
    a call costs is settled with the counts that the provider reports.
    """
    size = 0

    for message in request.messages:
        size += _bytes(message.content)
        size += sum(_bytes(call.name) + _bytes(call.arguments_json) for call in message.tool_calls)

    for tool in request.tools:
        size += _bytes(tool.name) + _bytes(tool.description) + _bytes(tool.parameters_json)

    frames = _PER_MESSAGE * len(request.messages) + _PER_TOOL * len(request.tools)
    return -(-size // _BYTES_PER_TOKEN) + frames


def text_tokens(text: str) -> int:
    """Return about how many tokens a model wrote to say `text`, rounded up.

    >>> text_tokens("It is open.")
    3
    """
    return -(-_bytes(text) // _BYTES_PER_TOKEN)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
