"""Streamed completions of every provider, over real TLS against the embedded servers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.completion import FinishReason, ToolCall
from mcp_router.errors import SendFailed
from mcp_router.providers.tokens import estimate_tokens
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.models.state import ScriptedAnswer
from mcp_router.settings import ProviderKind
from tests.contract.bench import ASK, LOOKUP, Bench, opened_bench
from tests.providers.loopback import BRIEF_S

LONG = "It is größer — 📦. " * 40
BOUND_S = 5.0


class Heard:
    """What was emitted."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    async def emit(self, text: str) -> None:
        self.pieces.append(text)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(seeded=False) as running:
        yield running


@pytest.fixture(params=list(ProviderKind))
async def bench(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[Bench]:
    async with opened_bench(request.param, sandbox) as opened:
        yield opened


async def failure(bench: Bench, heard: Heard, *, timeout_s: float = BOUND_S) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        await bench.stream(heard.emit, timeout_s=timeout_s)

    assert heard.pieces == []
    return caught.value


async def test_a_streamed_answer_is_the_one_that_comes_whole(bench: Bench, heard: Heard) -> None:
    bench.script(ScriptedAnswer(text=LONG, times=2))

    streamed = await bench.stream(heard.emit)
    usual = await bench.complete()

    # The second of two equal prompts is read from the provider's cache.
    usage = replace(usual.usage, cache_read_tokens=streamed.usage.cache_read_tokens)
    assert streamed == replace(usual, usage=usage)
    assert streamed.text == heard.text == LONG
    assert len(heard.pieces) > 10
    assert all(heard.pieces)
    assert bench.received() == bench.applied() == 2


async def test_tool_calls_are_put_together_from_their_pieces(bench: Bench, heard: Heard) -> None:
    arguments = '{"ticket_id":"größer","note":"a note that takes more than one piece"}'
    calls = (
        ToolCall(id="", name="lookup_ticket", arguments_json='{"ticket_id":"7"}'),
        ToolCall(id="", name="lookup_ticket", arguments_json=arguments),
    )
    bench.script(ScriptedAnswer(text="I look.", tool_calls=calls, times=2))
    asked = replace(ASK, tools=(LOOKUP,))

    streamed = await bench.stream(heard.emit, asked)
    usual = await bench.complete(asked)

    assert [(one.name, one.arguments_json) for one in streamed.tool_calls] == [
        (one.name, one.arguments_json) for one in usual.tool_calls
    ]
    assert len({one.id for one in streamed.tool_calls}) == 2
    assert (streamed.text, heard.text) == ("I look.", "I look.")
    assert streamed.finish_reason is FinishReason.TOOL_CALLS


async def test_an_answer_of_tool_calls_alone_emits_nothing(bench: Bench, heard: Heard) -> None:
    call = ToolCall(id="", name="lookup_ticket", arguments_json="{}")
    bench.script(ScriptedAnswer(tool_calls=(call,)))

    streamed = await bench.stream(heard.emit, replace(ASK, tools=(LOOKUP,)))

    assert [(one.name, one.arguments_json) for one in streamed.tool_calls] == [
        ("lookup_ticket", "{}")
    ]
    assert heard.pieces == []


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.CONTENT_FILTER])
async def test_why_the_model_stopped_is_told(
    bench: Bench, heard: Heard, reason: FinishReason
) -> None:
    bench.script(ScriptedAnswer(text="It is", finish_reason=reason))

    assert (await bench.stream(heard.emit)).finish_reason is reason


@pytest.mark.parametrize(
    ("fault", "evidence", "reason", "status"),
    [
        (
            Fault(kind=FaultKind.STATUS, status=429),
            Evidence.NOT_APPLIED,
            Reason.RATE_LIMITED,
            429,
        ),
        (Fault(kind=FaultKind.STATUS, status=529), Evidence.UNKNOWN, Reason.SERVER_ERROR, 529),
        (Fault(kind=FaultKind.REFUSE), Evidence.NOT_APPLIED, Reason.REFUSED, None),
        (Fault(kind=FaultKind.DROP_BEFORE), Evidence.UNKNOWN, Reason.RESET, None),
        (Fault(kind=FaultKind.DROP_AFTER), Evidence.UNKNOWN, Reason.RESET, None),
        (Fault(kind=FaultKind.GARBLED), Evidence.UNKNOWN, Reason.GARBLED, 200),
        (Fault(kind=FaultKind.REDIRECT), Evidence.NOT_APPLIED, Reason.REDIRECTED, 307),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else None,
)
async def test_a_fault_before_the_first_text_fails_as_it_does_without_streaming(
    bench: Bench,
    heard: Heard,
    fault: Fault,
    evidence: Evidence,
    reason: Reason,
    status: int | None,
) -> None:
    bench.server.faults.add(fault)

    failed = await failure(bench, heard)

    assert (failed.evidence, failed.reason, failed.status) == (evidence, reason, status)
    assert bench.server.faults.pending() == 0
    assert (await bench.stream(heard.emit)).text == heard.text


async def test_an_answer_cut_before_its_first_text_fails(bench: Bench, heard: Heard) -> None:
    arguments = '{"note":"' + "x" * 400 + '"}'
    call = ToolCall(id="", name="lookup_ticket", arguments_json=arguments)
    bench.script(ScriptedAnswer(tool_calls=(call,)))
    bench.server.faults.add(Fault(kind=FaultKind.CUT))

    failed = await failure(bench, heard)

    assert (failed.evidence, failed.reason, failed.status) == (
        Evidence.UNKNOWN,
        Reason.RESET,
        200,
    )
    assert bench.applied() == 1


async def test_an_answer_cut_after_its_first_text_says_that_it_is_incomplete(
    bench: Bench, heard: Heard
) -> None:
    call = ToolCall(id="", name="lookup_ticket", arguments_json='{"ticket_id":"7"}')
    bench.script(ScriptedAnswer(text=LONG, tool_calls=(call,)))
    bench.server.faults.add(Fault(kind=FaultKind.CUT))

    broken = await bench.stream(heard.emit)

    assert broken.finish_reason is FinishReason.INCOMPLETE
    assert broken.text == heard.text
    assert LONG.startswith(broken.text)
    assert 0 < len(broken.text) < len(LONG)
    assert broken.tool_calls == ()
    assert broken.model.startswith(bench.model.model)
    assert broken.usage.output_tokens >= -(-len(broken.text.encode()) // 4)
    assert bench.received() == bench.applied() == 1
    assert bench.settings.kind is not ProviderKind.OPENAI or (
        broken.usage.input_tokens == estimate_tokens(ASK)
    )


async def test_a_listener_that_takes_its_time_cuts_no_answer_short(
    bench: Bench, heard: Heard
) -> None:
    bench.script(ScriptedAnswer(text=LONG))

    async def dawdle(text: str) -> None:
        if not heard.pieces:
            await asyncio.sleep(BRIEF_S + 0.2)  # longer than the provider may take

        await heard.emit(text)

    whole = await bench.stream(dawdle, timeout_s=BRIEF_S)

    assert whole.finish_reason is FinishReason.STOP
    assert whole.text == heard.text == LONG


async def test_no_answer_in_time_is_unknown(bench: Bench, heard: Heard) -> None:
    bench.server.faults.add(Fault(kind=FaultKind.SLOW, delay_s=30))

    failed = await failure(bench, heard, timeout_s=BRIEF_S)

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.TIMEOUT)


@pytest.mark.parametrize("error", [OSError, TimeoutError, ValueError])
async def test_what_the_listener_raises_passes_through(
    bench: Bench, heard: Heard, error: type[Exception]
) -> None:
    bench.script(ScriptedAnswer(text=LONG))

    async def fail(text: str) -> None:
        raise error("the listener's own")

    with pytest.raises(error, match="the listener's own"):
        await bench.stream(fail)

    assert (await bench.stream(heard.emit)).text == heard.text
