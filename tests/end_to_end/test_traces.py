"""Spans as a real OTLP receiver gets them, of calls that a host makes over HTTP."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest
from mcp import Client

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.http import asgi
from mcp_router.telemetry import names
from tests.end_to_end.harness import (
    BRIEF_S,
    MODERN,
    PATIENCE_S,
    Place,
    call,
    old_ticket,
    opened,
    settle,
    unique,
)
from tests.served import served
from tests.telemetry.receiver import Receiver, receiving

NANO, FLASH = "gpt-5-nano", "gemini-2.5-flash-lite"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"
META = {"traceparent": TRACEPARENT, "tracestate": "acme=1"}
SECRET = "the parcel of Maya Okafor"


def traced(
    folder: Path,
    sandbox: Sandbox,
    url: str,
    *,
    patience_s: float = PATIENCE_S,
    **more: JsonValue,
) -> Place:
    telemetry: dict[str, JsonValue] = {
        "otlp_endpoint": url,
        "headers": {"x-api-key": "hunter2"},
        "service_name": "support",
        **more,
    }
    return settle(folder, sandbox, patience_s=patience_s, telemetry=telemetry)


async def called(
    place: Place,
    tool: str,
    arguments: Mapping[str, JsonValue],
    *,
    meta: Mapping[str, JsonValue] | None = None,
) -> dict[str, object]:
    """Call a tool over HTTP; when this returns the router is down and has sent its spans."""
    async with (
        opened(place) as app,
        served(asgi(app)) as url,
        Client(f"{url}/mcp", mode=MODERN) as client,
    ):
        return await call(client, tool, arguments, meta=meta)


def chosen(receiver: Receiver, *keys: str) -> list[tuple[object, ...]]:
    """Return these attributes of each attempt."""
    return [tuple(one.attributes.get(key) for key in keys) for one in receiver.attempts()]


async def test_a_fallback_is_one_span_of_the_router_and_one_of_each_attempt(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.openai.faults.add(Fault(kind=FaultKind.STATUS, status=503))
    asked: dict[str, JsonValue] = {"input": unique(SECRET), "ticket_id": "101"}

    with receiving() as receiver:
        place = traced(tmp_path, sandbox, receiver.url)
        answer = await called(place, "route_completion", asked, meta=META)

    (record,) = place.records()
    (router,) = receiver.calls()
    first, second = receiver.attempts()
    assert len(receiver.spans) == 3
    assert (router.name, router.is_error) == ("tools/call route_completion", False)
    assert (router.trace_id, router.parent_id, router.state) == (TRACE, SPAN, "acme=1")
    assert {(one.trace_id, one.parent_id) for one in (first, second)} == {(TRACE, router.span_id)}
    assert (first.name, first.is_error) == (f"chat {NANO}", True)
    assert (second.name, second.is_error) == (f"chat {FLASH}", False)
    assert chosen(
        receiver,
        names.GEN_AI_PROVIDER,
        names.GEN_AI_REQUEST_MODEL,
        names.ERROR_TYPE,
        names.HTTP_STATUS,
        names.ROUTER_ATTEMPT,
        names.ROUTER_FALLBACK,
        names.GEN_AI_FINISH_REASONS,
    ) == [
        ("openai", NANO, "server_error", 503, 1, None, None),
        ("gcp.gemini", FLASH, None, None, 2, "server_error", ("stop",)),
    ]
    assert record.trace_id == TRACE
    assert record.answer is not None
    assert second.attributes[names.GEN_AI_INPUT_TOKENS] == record.answer.input_tokens
    assert second.attributes[names.GEN_AI_OUTPUT_TOKENS] == record.answer.output_tokens
    assert second.attributes[names.ROUTER_COST] == record.cost_microusd / 1e6
    assert {key: router.attributes[key] for key in sorted(router.attributes)} == {
        names.GEN_AI_CONVERSATION: "101",
        names.GEN_AI_OPERATION: "execute_tool",
        names.GEN_AI_TOOL: "route_completion",
        names.MCP_METHOD: "tools/call",
        names.ROUTER_ATTEMPTS: 2,
        names.ROUTER_CACHE_HIT: False,
        names.ROUTER_COST: record.cost_microusd / 1e6,
        names.ROUTER_DECISION: answer["decision_id"],
        names.ROUTER_OUTCOME: "ok",
        names.ROUTER_POLICY: "support",
        names.ROUTER_POLICY_VERSION: "1",
        names.ROUTER_POOL: "cost",
        names.ROUTER_RULE: "rest",
        names.ROUTER_TARGET: FLASH,
        names.ROUTER_TENANT: "local",
        **({names.ROUTER_INTENT: intent} if (intent := intent_of(place)) else {}),
    }


def intent_of(place: Place) -> str | None:
    decision = place.records()[0].decision
    return decision.signals.intent.name if decision else None


async def test_attempts_lie_within_their_call_and_one_after_the_other(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.openai.faults.add(Fault(kind=FaultKind.SLOW, delay_s=20))

    with receiving() as receiver:
        place = traced(tmp_path, sandbox, receiver.url, patience_s=BRIEF_S)
        await called(place, "route_completion", {"input": unique("Good morning")})

    (router,) = receiver.calls()
    first, second = receiver.attempts()
    assert first.end_ns - first.start_ns >= 0.9 * BRIEF_S * 1e9
    assert router.start_ns <= first.start_ns
    assert first.end_ns <= second.start_ns
    assert second.end_ns <= router.end_ns


async def test_no_span_holds_what_was_asked_or_answered_or_the_key(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with receiving() as receiver:
        place = traced(tmp_path, sandbox, receiver.url)
        answer = await called(place, "route_completion", {"input": SECRET})

    whole = b"".join(receiver.bodies)
    assert receiver.paths == ["/v1/traces"]
    assert [one["x-api-key"] for one in receiver.headers] == ["hunter2"]
    assert {one.resource["service.name"] for one in receiver.spans} == {"support"}
    assert {one.schema_url for one in receiver.spans} == {names.SCHEMA_URL}
    assert len(str(answer["output"])) > 10
    for secret in (SECRET, str(answer["output"]), "hunter2"):
        assert secret.encode() not in whole


async def test_a_write_has_its_action_on_both_spans(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)

    with receiving() as receiver:
        answer = await called(
            traced(tmp_path, sandbox, receiver.url),
            "reply_to_ticket",
            {"ticket_id": ticket_id, "body": SECRET},
        )

    (router,) = receiver.calls()
    (sent,) = receiver.attempts()
    assert answer["outcome"] == "succeeded"
    assert (router.name, sent.name) == ("tools/call reply_to_ticket", "reply_to_ticket zendesk")
    assert router.attributes[names.ROUTER_ACTION] == answer["action_id"]
    assert sent.attributes[names.ROUTER_ACTION] == answer["action_id"]
    assert sent.attributes[names.ROUTER_EVIDENCE] == "applied"
    assert sent.parent_id == router.span_id
    assert SECRET.encode() not in b"".join(receiver.bodies)


async def test_a_refused_call_is_a_span_with_its_code_and_no_attempt(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with receiving() as receiver:
        place = traced(tmp_path, sandbox, receiver.url)
        await called(place, "lookup_ticket", {"ticket_id": ""}, meta=META)

    (router,) = receiver.spans
    assert (router.trace_id, router.parent_id, router.is_error) == (TRACE, SPAN, True)
    assert router.attributes[names.ERROR_TYPE] == "invalid_arguments"


@pytest.mark.parametrize("broken", ["", "00-0-0-01", f"00-{'0' * 32}-{SPAN}-01"])
async def test_a_broken_trace_is_ignored_and_a_new_one_begun(
    broken: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    with receiving() as receiver:
        place = traced(tmp_path, sandbox, receiver.url)
        question = {"input": unique("Good morning")}
        await called(place, "route_completion", dict(question), meta={"traceparent": broken})

    (router,) = receiver.calls()
    (record,) = place.records()
    assert router.parent_id == ""
    assert (router.trace_id, len(router.trace_id)) == (record.trace_id, 32)


async def test_over_http_a_header_tells_the_trace_where_the_call_does_not(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "route_completion", "arguments": {"input": unique("Good morning")}},
    }
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2025-11-25",
        "traceparent": TRACEPARENT,
    }

    async with (
        opened(place) as app,
        served(asgi(app)) as url,
        httpx2.AsyncClient() as http,
    ):
        answer = await http.post(f"{url}/mcp", json=body, headers=headers)

    assert answer.status_code == 200, answer.text
    assert [one.trace_id for one in place.records()] == [TRACE]  # also where no span is sent


async def test_without_telemetry_no_trace_is_begun(sandbox: Sandbox, tmp_path: Path) -> None:
    place = settle(tmp_path, sandbox)
    await called(place, "route_completion", {"input": unique("Good morning")})

    assert [one.trace_id for one in place.records()] == [None]


@pytest.mark.parametrize(
    ("ratio", "flags", "sent"), [(0, None, 0), (1, None, 1), (0, "01", 1), (1, "00", 0)]
)
async def test_the_host_decides_for_its_traces_and_the_ratio_for_ours(
    ratio: int, flags: str | None, sent: int, sandbox: Sandbox, tmp_path: Path
) -> None:
    meta = {"traceparent": f"00-{TRACE}-{SPAN}-{flags}"} if flags else None

    with receiving() as receiver:
        place = traced(tmp_path, sandbox, receiver.url, sample_ratio=ratio)
        question = {"input": unique("Good morning")}
        await called(place, "route_completion", dict(question), meta=meta)

    (record,) = place.records()
    assert len(receiver.calls()) == sent
    assert record.trace_id is not None


async def test_a_receiver_that_is_down_costs_no_call_and_is_counted(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, never answers
        port = silent.getsockname()[1]
        place = traced(tmp_path, sandbox, f"http://127.0.0.1:{port}")

        async with opened(place) as app, served(asgi(app)) as url:
            async with Client(f"{url}/mcp", mode=MODERN) as client:
                answers = [
                    await call(client, "route_completion", {"input": unique("Good morning")})
                    for _ in range(5)
                ]

            began_s = time.monotonic()

        ended_s = time.monotonic()

    assert [one["model"] for one in answers] == [NANO] * 5
    assert len(place.records()) == 5
    assert ended_s - began_s < 15  # five for the spans, and a little for everything else
    assert 'mcp_router_traced_calls_total{state="sent"}' not in app.metrics.text()


WITHOUT_THE_EXTRA = """
import json, sys
sys.modules["opentelemetry.sdk"] = None

import anyio
from pathlib import Path
from mcp_router.app import open_app
from mcp_router.errors import InvalidSettings
from mcp_router.settings import load_settings

async def main(path):
    async with open_app(load_settings(Path(path), {})):
        return "open"

for path in sys.argv[1:]:
    try:
        print(json.dumps(anyio.run(main, path)))
    except InvalidSettings as error:
        print(json.dumps([error.code, error.advice]))
"""


async def test_without_the_extra_only_a_router_that_wants_spans_does_not_start(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    plain, wanting = tmp_path / "plain", tmp_path / "wanting"
    plain.mkdir()
    wanting.mkdir()
    files = [settle(plain, sandbox).file, traced(wanting, sandbox, "http://127.0.0.1:9").file]
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WITHOUT_THE_EXTRA,
        *map(str, files),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    out, _ = await child.communicate()

    assert [json.loads(line) for line in out.decode().splitlines()] == [
        "open",
        [
            "invalid_settings",
            "Run `pip install 'mcp-support-router[otlp]'` and start again.",
        ],
    ]
