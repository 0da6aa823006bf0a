"""What operators look at: health, readiness, metrics, and who may ask from a browser."""

from pathlib import Path

import httpx2
import pytest
from mcp import Client

from mcp_router.app import Instruments, open_app
from mcp_router.clock import SystemClock
from mcp_router.domain.action import ActionState
from mcp_router.ledger.ledger import ActionStore
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.http import asgi
from mcp_router.settings import load_settings
from mcp_router.testing.stores import MemoryActions
from tests.end_to_end.harness import BRIEF_S, MODERN, call, old_ticket, opened, settle, until
from tests.serve.prometheus import parse
from tests.served import served

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
HEADERS = {"accept": "application/json, text/event-stream"}


async def test_health_and_readiness_are_told(sandbox: Sandbox, tmp_path: Path) -> None:
    async with (
        opened(settle(tmp_path, sandbox)) as app,
        served(asgi(app)) as url,
        httpx2.AsyncClient() as http,
    ):
        health = await http.get(f"{url}/healthz")
        ready = await http.get(f"{url}/readyz")

    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


class Faulty(MemoryActions):
    """A store with a fault of ours in it."""

    async def counts(self) -> tuple[tuple[str, ActionState, int], ...]:
        raise AssertionError("a fault of ours")


def faulty(_: ActionStore) -> ActionStore:
    return Faulty(SystemClock())


async def test_a_server_whose_background_has_ended_says_so_and_is_not_ready(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = settle(tmp_path, sandbox)

    async with (
        open_app(load_settings(place.file, {}), instruments=Instruments(store=faulty)) as app,
        served(asgi(app)) as url,
        httpx2.AsyncClient() as http,
    ):
        await until(app.background.done)
        ready = await http.get(f"{url}/readyz")

    assert (ready.status_code, ready.json()) == (503, {"status": "background_ended"})
    assert "nothing is reconciled any more; restart the server" in caplog.messages


async def test_metrics_count_what_was_recorded_in_the_format_that_prometheus_reads(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox, patience_s=BRIEF_S)
    question = {"input": "Good morning"}

    async with (
        opened(place) as app,
        served(asgi(app)) as url,
        Client(f"{url}/mcp", mode=MODERN) as client,
        httpx2.AsyncClient() as http,
    ):
        empty = await http.get(f"{url}/metrics")
        await call(client, "route_completion", question)
        sandbox.openai.faults.add(Fault(kind=FaultKind.SLOW, delay_s=20))
        await call(client, "route_completion", question)
        await call(client, "lookup_ticket", {"ticket_id": ticket_id})
        await call(client, "lookup_ticket", {"ticket_id": ""})
        page = await http.get(f"{url}/metrics")

    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert set(parse(empty.text)) == set(parse(page.text))
    families = parse(page.text)
    calls = families["mcp_router_calls_total"]
    assert calls.kind == "counter"
    name = "mcp_router_calls_total"
    assert calls.value(name, tool="route_completion", outcome="ok") == 2
    assert calls.value(name, tool="lookup_ticket", outcome="ok") == 1
    assert calls.value(name, tool="lookup_ticket", outcome="error") == 1
    attempts = families["mcp_router_attempts_total"]
    name = "mcp_router_attempts_total"
    assert attempts.value(name, target="gpt-5-nano", reason="ok") == 1
    assert attempts.value(name, target="gpt-5-nano", reason="timeout") == 1
    assert attempts.value(name, target="gemini-2.5-flash-lite", reason="ok") == 1
    assert attempts.value(name, target="zendesk", reason="ok") == 1
    latency = families["mcp_router_call_latency_seconds"]
    assert latency.kind == "histogram"
    name = "mcp_router_call_latency_seconds_bucket"
    assert latency.value(name, tool="route_completion", le="+Inf") == 2
    took_ms = [one.latency_ms for one in place.records() if one.tool == "route_completion"]
    within = sum(one <= 1000 for one in took_ms)
    assert max(took_ms) >= BRIEF_S * 900
    assert latency.value(name, tool="route_completion", le="1") == within
    spent = families["mcp_router_cost_usd_total"]
    expected = sum(record.cost_microusd for record in place.records()) / 1e6
    assert expected > 0
    assert sum(value for *_, value in spent.samples) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("path", ["/mcp", "/messages/?session_id=0", "/sse"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [({"host": "evil.example"}, 421), ({"origin": "https://evil.example"}, 403)],
)
async def test_a_page_that_rebinds_its_name_to_loopback_is_refused(
    path: str, headers: dict[str, str], status: int, sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    method = "GET" if path == "/sse" else "POST"

    async with (
        opened(place) as app,
        served(asgi(app)) as url,
        httpx2.AsyncClient() as http,
    ):
        answer = await http.request(
            method, f"{url}{path}", json=LIST, headers={**HEADERS, **headers}
        )

    assert answer.status_code == status
