"""What the tests of the three model servers share: a still clock and readers of event streams."""

import json
from collections.abc import Iterator

import httpx2
from pydantic import JsonValue

SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"ticket_id": {"type": "string"}},
    "required": ["ticket_id"],
}
QUESTION = "I want a refund"
ANSWER = (
    "I am sorry about the unexpected charge. A payment taken in error is refunded in full to the "
    "card it came from, usually within 5 to 10 business days."
)


class StillClock:
    """A clock that stands at 2026-01-01T00:00:00Z."""

    def now_ms(self) -> int:
        return 1_767_225_600_000

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the model servers wait in real time")


def events(answer: httpx2.Response) -> Iterator[tuple[str, str]]:
    """Yield the name ("" for none) and data of each server-sent event."""
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"

    for block in answer.text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())

        if fields:
            yield fields.get("event", ""), fields["data"]


def datas(answer: httpx2.Response) -> list[dict[str, JsonValue]]:
    """Return the JSON data of each event, without OpenAI's `[DONE]`."""
    return [json.loads(data) for _, data in events(answer) if data != "[DONE]"]
