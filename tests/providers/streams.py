"""What the tests of the three stream decoders do with a stream."""

import json
from collections.abc import Callable, Iterator, Sequence

from mcp_router.canonical import JsonValue
from mcp_router.domain.attempt import Reason
from mcp_router.domain.completion import Completion
from mcp_router.errors import SendFailed
from mcp_router.providers.events import Event
from mcp_router.providers.stream import StreamDecoder
from tests.providers.examples import ASK, mutilated


def events(*values: JsonValue) -> list[Event]:
    """Return JSON values as the events of a stream, text as it is."""
    return [
        Event(name="", data=value if isinstance(value, str) else json.dumps(value))
        for value in values
    ]


def decoded(decoder: StreamDecoder, stream: Sequence[Event]) -> tuple[list[str], Completion]:
    """Return the texts that a stream gave one after the other, and its whole answer."""
    said = [text for event in stream if (text := decoder.take(event))]
    return said, decoder.whole(ASK)


def reason(decoder: StreamDecoder, stream: Sequence[Event]) -> Reason | None:
    """Return why a stream is no answer, or None; a part of it always makes an incomplete one."""
    said: list[str] = []

    try:
        said.extend(decoder.take(event) for event in stream)
        decoder.whole(ASK)
    except SendFailed as failed:
        broken = decoder.incomplete(ASK)
        assert broken.text == "".join(said)
        assert broken.tool_calls == ()
        return failed.reason

    return None


def reasons(make: Callable[[], StreamDecoder], values: Sequence[JsonValue]) -> Iterator[Reason]:
    """Yield why each way to damage one event of a stream makes it no answer, where it does."""
    for place, value in enumerate(values):
        for odd in mutilated(value):
            found = reason(make(), events(*values[:place], odd, *values[place + 1 :]))

            if found is not None:
                yield found
