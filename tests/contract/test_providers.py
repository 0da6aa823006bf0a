"""Every provider, over real TLS against the embedded servers: one promise for all three kinds."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from mcp_router.canonical import JsonValue
from mcp_router.clock import SystemClock
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.completion import CompletionRequest, FinishReason, Message, Role, ToolCall
from mcp_router.domain.secret import Secret
from mcp_router.errors import SendFailed
from mcp_router.providers.prices import PriceBook
from mcp_router.providers.provider import open_provider
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.models.catalog import CATALOG
from mcp_router.sandbox.models.state import ScriptedAnswer
from mcp_router.settings import ProviderKind
from tests.contract.bench import ASK, LOOKUP, QUESTION, SYSTEM, TIMEOUT_S, Bench, opened_bench
from tests.providers.loopback import BRIEF_S


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(seeded=False) as running:
        yield running


@pytest.fixture(params=list(ProviderKind))
async def bench(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[Bench]:
    async with opened_bench(request.param, sandbox) as opened:
        yield opened


async def test_a_text_answer(bench: Bench) -> None:
    bench.script(ScriptedAnswer(text="It is größer — 📦."))

    completion = await bench.complete()

    assert completion.text == "It is größer — 📦."
    assert completion.tool_calls == ()
    assert completion.finish_reason is FinishReason.STOP
    assert completion.model.startswith(bench.model.model)
    assert bench.received() == 1
    assert bench.applied() == 1


async def test_the_model_is_told_what_the_host_said(bench: Bench) -> None:
    await bench.complete()

    reasons = bench.settings.kind is ProviderKind.OPENAI  # such models take no temperature
    assert bench.told() == replace(ASK, temperature=None if reasons else 0.2)


async def test_what_was_used_is_counted_and_has_a_price(bench: Bench) -> None:
    bench.script(ScriptedAnswer(text="x" * 400))

    completion = await bench.complete()

    assert completion.usage.input_tokens == -(-len(SYSTEM.content + QUESTION.content) // 4)
    assert completion.usage.output_tokens == 100
    assert completion.usage.cache_write_tokens == 0
    cost = PriceBook([bench.settings], SystemClock()).cost(bench.model, completion.usage)
    assert cost is not None
    assert cost > 0


async def test_a_prompt_that_comes_again_is_read_from_the_cache_where_caching_is_automatic(
    bench: Bench,
) -> None:
    long = replace(ASK, messages=(Message(role=Role.USER, content="abcd" * 2000),))
    first = await bench.complete(long)
    second = await bench.complete(long)

    assert first.usage.cache_read_tokens == 0
    assert first.usage.input_tokens == second.usage.input_tokens == 2000
    marked_only = bench.settings.kind is ProviderKind.ANTHROPIC
    assert second.usage.cache_read_tokens == (0 if marked_only else 2000)


async def test_a_tool_call_and_its_result(bench: Bench) -> None:
    calls = (
        ToolCall(id="", name="lookup_ticket", arguments_json='{"ticket_id":"7"}'),
        ToolCall(id="", name="lookup_ticket", arguments_json='{"ticket_id":"größer"}'),
    )
    bench.script(ScriptedAnswer(text="I look.", tool_calls=calls))
    asked = replace(ASK, tools=(LOOKUP,))

    first = await bench.complete(asked)

    assert first.text == "I look."
    assert first.finish_reason is FinishReason.TOOL_CALLS
    assert [call.name for call in first.tool_calls] == ["lookup_ticket", "lookup_ticket"]
    assert [json.loads(call.arguments_json) for call in first.tool_calls] == [
        {"ticket_id": "7"},
        {"ticket_id": "größer"},
    ]
    ids = [call.id for call in first.tool_calls]
    assert len(set(ids)) == 2
    assert all(0 < len(one) <= 40 for one in ids)

    spoken = Message(role=Role.ASSISTANT, content=first.text, tool_calls=first.tool_calls)
    results = tuple(
        Message(role=Role.TOOL, content=f'{{"status":"{number}"}}', tool_call_id=one)
        for number, one in enumerate(ids)
    )
    bench.script(ScriptedAnswer(text="Open."))
    second = await bench.complete(replace(asked, messages=(*asked.messages, spoken, *results)))

    assert second.text == "Open."
    assert [message.content for message in bench.told().messages] == [
        SYSTEM.content,
        QUESTION.content,
        "I look.",
        '{"status":"0"}',
        '{"status":"1"}',
    ]
    assert [(tool.name, json.loads(tool.parameters_json)) for tool in bench.told().tools] == [
        ("lookup_ticket", json.loads(LOOKUP.parameters_json))
    ]
    assert bench.received() == 2


async def test_a_conversation_that_another_provider_began_goes_on(bench: Bench) -> None:
    calls = tuple(
        ToolCall(id=one, name="lookup_ticket", arguments_json="{}")
        for one in ("call_4f3vT", "toolu_01A09q90qw90lq917835lq9", "call_sZ3paKe8Na_0")
    )
    messages = (
        QUESTION,
        Message(role=Role.ASSISTANT, content="", tool_calls=calls),
        *(Message(role=Role.TOOL, content="", tool_call_id=call.id) for call in calls),
        Message(role=Role.USER, content="Thanks."),
    )

    await bench.complete(CompletionRequest(messages=messages, tools=(LOOKUP,)))

    assert bench.applied() == 1


async def test_an_answer_that_was_cut_off_says_so(bench: Bench) -> None:
    bench.script(ScriptedAnswer(text="It is", finish_reason=FinishReason.LENGTH))

    assert (await bench.complete()).finish_reason is FinishReason.LENGTH


async def test_a_filtered_answer_says_so(bench: Bench) -> None:
    bench.script(ScriptedAnswer(text="", finish_reason=FinishReason.CONTENT_FILTER))

    assert (await bench.complete()).finish_reason is FinishReason.CONTENT_FILTER


async def test_a_wrong_key_is_refused_and_nothing_is_applied(bench: Bench) -> None:
    stranger = open_provider(replace(bench.settings, api_key=Secret("wrong")))

    with pytest.raises(SendFailed) as caught:
        await stranger.complete(bench.model, ASK, timeout_s=TIMEOUT_S)

    await stranger.aclose()
    assert caught.value.evidence is Evidence.NOT_APPLIED
    assert caught.value.reason is Reason.UNAUTHORIZED
    assert caught.value.status == (400 if bench.settings.kind is ProviderKind.GEMINI else 401)
    assert bench.received() == 1
    assert bench.applied() == 0


async def test_an_unknown_model_is_not_found(bench: Bench) -> None:
    with pytest.raises(SendFailed) as caught:
        await bench.provider.complete(
            replace(bench.model, model="no-such-model"), ASK, timeout_s=TIMEOUT_S
        )

    assert caught.value.evidence is Evidence.NOT_APPLIED
    assert caught.value.reason is Reason.NOT_FOUND
    assert caught.value.status == 404


async def test_a_request_that_the_provider_rejects_was_not_applied(bench: Bench) -> None:
    with pytest.raises(SendFailed) as caught:
        await bench.complete(replace(ASK, max_output_tokens=0))

    assert caught.value.evidence is Evidence.NOT_APPLIED
    assert caught.value.reason is Reason.REJECTED
    assert caught.value.status == 400
    assert bench.applied() == 0


@pytest.mark.parametrize(
    ("fault", "evidence", "reason", "status", "applied"),
    [
        (
            Fault(kind=FaultKind.STATUS, status=429),
            Evidence.NOT_APPLIED,
            Reason.RATE_LIMITED,
            429,
            0,
        ),
        (Fault(kind=FaultKind.STATUS, status=500), Evidence.UNKNOWN, Reason.SERVER_ERROR, 500, 0),
        (
            Fault(kind=FaultKind.STATUS, status=503, applied=True),
            Evidence.UNKNOWN,
            Reason.SERVER_ERROR,
            503,
            1,
        ),
        (Fault(kind=FaultKind.STATUS, status=529), Evidence.UNKNOWN, Reason.SERVER_ERROR, 529, 0),
        (Fault(kind=FaultKind.DROP_BEFORE), Evidence.UNKNOWN, Reason.RESET, None, 0),
        (Fault(kind=FaultKind.DROP_AFTER), Evidence.UNKNOWN, Reason.RESET, None, 1),
        (Fault(kind=FaultKind.GARBLED), Evidence.UNKNOWN, Reason.GARBLED, 200, 1),
        (Fault(kind=FaultKind.REDIRECT), Evidence.NOT_APPLIED, Reason.REDIRECTED, 307, 0),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else None,
)
async def test_what_a_fault_leaves_behind(
    bench: Bench,
    fault: Fault,
    evidence: Evidence,
    reason: Reason,
    status: int | None,
    applied: int,
) -> None:
    bench.server.faults.add(fault)

    failed = await bench.failure()

    assert (failed.evidence, failed.reason, failed.status) == (evidence, reason, status)
    assert bench.received() == 1
    assert bench.applied() == applied
    assert bench.server.faults.pending() == 0

    assert (await bench.complete()).text
    assert bench.received() == 2


async def test_no_answer_in_time_is_unknown_and_the_limit_holds(bench: Bench) -> None:
    bench.server.faults.add(Fault(kind=FaultKind.SLOW, delay_s=30))

    failed = await bench.failure(timeout_s=BRIEF_S)

    assert (failed.evidence, failed.reason) == (Evidence.UNKNOWN, Reason.TIMEOUT)
    assert failed.status is None
    assert bench.received() == 1


async def test_how_long_to_wait_is_kept(bench: Bench) -> None:
    bench.server.faults.add(Fault(kind=FaultKind.STATUS, status=429, retry_after_s=7))

    assert (await bench.failure()).retry_after_s == 7.0


async def test_an_account_without_money_is_told_from_one_that_is_too_fast(bench: Bench) -> None:
    body: JsonValue = {"error": {"type": "insufficient_quota", "code": "credit_balance_exhausted"}}
    bench.server.faults.add(Fault(kind=FaultKind.STATUS, status=429, body=json.dumps(body)))

    failed = await bench.failure()

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.QUOTA)


async def test_a_server_that_is_down_was_never_asked(bench: Bench) -> None:
    await bench.complete()
    bench.server.go_down()

    try:
        failed = await bench.failure()
    finally:
        bench.server.come_up()

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)
    assert failed.status is None
    assert bench.received() == 1
    assert (await bench.complete()).text


async def test_a_connection_that_ends_before_its_handshake_was_never_used(bench: Bench) -> None:
    bench.server.faults.add(Fault(kind=FaultKind.REFUSE))

    failed = await bench.failure()

    assert (failed.evidence, failed.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)
    assert bench.received() == 0
    assert (await bench.complete()).text


async def test_a_certificate_that_nobody_vouches_for_is_refused(bench: Bench) -> None:
    wary = open_provider(replace(bench.settings, ca_bundle=None))

    with pytest.raises(SendFailed) as caught:
        await wary.complete(bench.model, ASK, timeout_s=TIMEOUT_S)

    await wary.aclose()
    assert (caught.value.evidence, caught.value.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)
    assert bench.received() == 0


async def test_a_check_says_what_was_reached_and_costs_nothing(bench: Bench) -> None:
    models = sum(one.kind is bench.settings.kind for one in CATALOG)

    said = await bench.provider.check(timeout_s=TIMEOUT_S)

    assert said == f"127.0.0.1 accepts the key and lists {models} models"
    assert bench.received() == 1
    assert bench.applied() == 0


async def test_a_check_with_a_wrong_key_fails(bench: Bench) -> None:
    stranger = open_provider(replace(bench.settings, api_key=Secret("wrong")))

    with pytest.raises(SendFailed) as caught:
        await stranger.check(timeout_s=TIMEOUT_S)

    await stranger.aclose()
    assert caught.value.reason is Reason.UNAUTHORIZED
