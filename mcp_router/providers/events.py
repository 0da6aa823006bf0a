"""Server-sent events, as all three providers stream their answers.

Source: html.spec.whatwg.org/multipage/server-sent-events.html, 2026-11. What `id` and `retry` are
for, a stream that is taken up again, no provider offers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mcp_router.providers.answer import garbled

EVENT_BYTES = 8 * 1024 * 1024  # as long as a whole answer: Gemini puts a tool call into one event
STREAM_BYTES = 4 * EVENT_BYTES  # every token or two comes in a frame of some 300 bytes

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; `name` is "" where the stream names none."""

    name: str
    data: str


class EventReader:
    """Turns the bytes of one stream into its events, however they were cut into chunks."""

    def __init__(self) -> None:
        """Stand at the beginning of a stream."""
        self._read = 0
        self._line = bytearray()
        self._after_return = False  # a line feed that comes next belongs to it
        self._first = True
        self._name = ""
        self._data: list[str] = []
        self._held = 0  # the length of `_data`, joined

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that `chunk` completes; one without an empty line after it never is.

        Raises:
            SendFailed: the stream or one event is too long (unknown, garbled).
        """
        self._read += len(chunk)

        if self._read > STREAM_BYTES:
            raise garbled("the stream is longer than any completion")

        if chunk and self._after_return:
            chunk = chunk.removeprefix(b"\n")
            self._after_return = False

        for line in chunk.splitlines(keepends=True):
            self._line += line

            if len(self._line) + self._held > EVENT_BYTES:
                raise garbled("an event is longer than any completion")

            self._after_return = line.endswith(b"\r")

            if line.endswith((b"\n", b"\r")):
                yield from self._end_line()

    def _end_line(self) -> Iterator[Event]:
        """Take the line that has just ended; an empty one ends the event."""
        line = self._line.rstrip(b"\r\n").decode(errors="replace")
        self._line.clear()

        if self._first:
            line, self._first = line.removeprefix(_BOM), False

        if line:
            self._field(line)
            return

        if self._data:
            yield Event(name=self._name, data="\n".join(self._data))

        self._name, self._held = "", 0
        self._data.clear()

    def _field(self, line: str) -> None:
        """Take one field; a line that begins with a colon is a comment and names none."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")

        if name == "data":
            self._data.append(value)
            self._held += len(value) + 1
        elif name == "event":
            self._name = value
