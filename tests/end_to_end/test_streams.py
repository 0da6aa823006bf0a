"""A streamed completion as a host meets it: text as it comes, and a break that is told."""

from pathlib import Path

import pytest
from mcp import Client

from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.mcp import build_server
from tests.end_to_end.harness import LEGACY, opened, reply_of, settle, unique


class Ear:
    """What a host heard while its call was at work."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    async def hear(self, progress: float, total: float | None, message: str | None) -> None:
        assert message is not None
        self.pieces.append(message)
        assert progress == len(self.text)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


async def ask(client: Client, ear: Ear, *, stream: bool) -> dict[str, object]:
    question = unique("Where is my parcel?")
    result = await client.call_tool(
        "route_completion", {"input": question, "stream": stream}, progress_callback=ear.hear
    )
    return reply_of(result)


@pytest.mark.parametrize("stream", [True, False])
async def test_text_comes_as_it_is_written_only_where_the_host_asked_for_it(
    stream: bool, sandbox: Sandbox, tmp_path: Path
) -> None:
    ear = Ear()

    async with (
        opened(settle(tmp_path, sandbox)) as app,
        Client(build_server(app), mode=LEGACY) as client,
    ):
        answer = await ask(client, ear, stream=stream)

    assert answer["finish_reason"] == "stop"
    assert ear.text == (answer["output"] if stream else "")
    assert (len(ear.pieces) > 1) is stream


async def test_an_answer_that_breaks_off_says_so_and_no_other_model_goes_on(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    ear = Ear()

    async with opened(place) as app, Client(build_server(app), mode=LEGACY) as client:
        sandbox.openai.faults.add(Fault(kind=FaultKind.CUT))
        answer = await ask(client, ear, stream=True)

    assert answer["finish_reason"] == "incomplete"
    assert answer["output"] == ear.text != ""
    assert [(one["target"], one["reason"]) for one in attempts(answer)] == [
        ("gpt-5-nano", "incomplete")
    ]
    assert [one.outcome for one in place.records()] == ["incomplete"]


async def test_before_its_first_word_another_model_takes_over_unheard(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ear = Ear()

    async with (
        opened(settle(tmp_path, sandbox)) as app,
        Client(build_server(app), mode=LEGACY) as client,
    ):
        sandbox.openai.faults.add(Fault(kind=FaultKind.REFUSE))
        answer = await ask(client, ear, stream=True)

    assert (answer["model"], answer["finish_reason"]) == ("gemini-2.5-flash-lite", "stop")
    assert ear.text == answer["output"]


def attempts(answer: dict[str, object]) -> list[dict[str, object]]:
    found = answer["attempts"]
    assert isinstance(found, list)
    return found
