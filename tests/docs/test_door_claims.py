"""What the pages say of errors, exit codes, endpoints, tokens and the sandbox's data is so."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from mcp_router.app import open_app
from mcp_router.cli.main import main
from mcp_router.domain.caller import Scope
from mcp_router.domain.target import TargetKind
from mcp_router.errors import UnsafeBind
from mcp_router.policy.source import PolicySource
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.salesforce.schema import ACCOUNT, CASE, CONTACT
from mcp_router.serve.http import asgi, check_bind
from mcp_router.telemetry.metrics import HELP
from mcp_router.tools.registry import REGISTRY
from tests.docs.pages import blocks, text
from tests.docs.routers import host, settings_for
from tests.examples.hosts import TOOLS
from tests.served import served

TOKENS = f"""
tokens:
  - name: reader
    tenant: eu
    principal: copilot
    scopes: [read]
    sha256: {hashlib.sha256(b"a-token").hexdigest()}
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        yield running


@asynccontextmanager
async def web(sandbox: Sandbox, folder: Path, more: str = "") -> AsyncIterator[str]:
    """Yield the base URL of a router over HTTP."""
    async with open_app(settings_for(sandbox, folder, more)) as app, served(asgi(app)) as url:
        yield url


async def test_the_error_of_the_page_is_what_a_tool_answers(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    [shown] = [json.loads(one.code) for one in blocks("json") if one.page.name == "errors.md"]

    async with host(sandbox, tmp_path) as one:
        told = await one.call("reply_to_ticket", {"ticket_id": 1, "body": "a", "bdy": "a"})
        refused = await one.call("reply_to_ticket", {"ticket_id": 999999, "body": "a"})

        with pytest.raises(MCPError) as unknown:
            await one.call("no_such_tool", {})

    assert told.is_error
    assert {**told.result, "decision_id": shown["decision_id"]} == shown
    assert refused.is_error
    assert (refused.result["outcome"], refused.result["code"]) == ("failed", "not_found")
    assert unknown.value.error.code == -32602
    assert unknown.value.error.data["code"] == "unknown_tool"


def test_exit_codes_are_those_of_the_page(tmp_path: Path) -> None:
    missing = str(tmp_path / "router.yaml")
    wrong = CliRunner().invoke(main, ["actions", "list", "--config", missing])
    unknown = CliRunner().invoke(main, ["no-such-command"])

    (tmp_path / "router.yaml").write_text("{}", encoding="utf-8")
    no_database = CliRunner().invoke(main, ["actions", "list", "--config", missing])

    assert (wrong.exit_code, wrong.stderr.partition(":")[0]) == (2, "settings_missing")
    assert unknown.exit_code == 2
    assert (no_database.exit_code, no_database.stderr.partition(":")[0]) == (
        1,
        "storage_unavailable",
    )


async def test_endpoints_ask_for_no_token_and_tools_do(sandbox: Sandbox, tmp_path: Path) -> None:
    async with web(sandbox, tmp_path, TOKENS) as url, httpx2.AsyncClient(base_url=url) as client:
        assert (await client.get("/healthz")).text == '{"status":"ok"}'
        assert (await client.get("/readyz")).text == '{"status":"ready"}'
        assert (await client.get("/metrics")).status_code == 200
        refused = await client.post("/mcp", json={})
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        assert (await client.get("/sse")).status_code == 401


async def test_a_token_opens_what_its_scopes_name(sandbox: Sandbox, tmp_path: Path) -> None:
    [shown] = [
        one.code
        for one in blocks("json")
        if one.page.name == "hosts.md" and "router-token" in one.code
    ]
    headers = json.loads(shown.replace("${input:router-token}", "a-token"))["servers"]
    headers = headers["mcp-router"]["headers"]

    async with (
        web(sandbox, tmp_path, TOKENS) as url,
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        assert [one.name for one in (await client.list_tools()).tools] == TOOLS
        read = await client.call_tool("lookup_ticket", {"ticket_id": 101})
        write = await client.call_tool("reply_to_ticket", {"ticket_id": 101, "body": "a"})

    assert not read.is_error
    assert write.structured_content is not None
    assert write.structured_content["code"] == "missing_scope"


def test_others_are_refused_without_tokens() -> None:
    with pytest.raises(UnsafeBind) as refused:
        check_bind("0.0.0.0", ())

    assert refused.value.code == "unsafe_bind"
    assert "(`unsafe_bind`)" in text("configuration.md")


async def test_metrics_carry_the_labels_of_the_page(sandbox: Sandbox, tmp_path: Path) -> None:
    async with web(sandbox, tmp_path) as url, httpx2.AsyncClient(base_url=url) as http:
        async with Client(f"{url}/mcp") as client:
            await client.call_tool("route_completion", {"input": "Where is my refund?"})

        counted = (await http.get("/metrics")).text

    assert 'mcp_router_calls_total{tool="route_completion",outcome="ok"} 1' in counted
    assert 'mcp_router_attempts_total{target="gemini-2.5-flash",reason="ok"} 1' in counted
    assert all(f"# TYPE {name} " in counted for name in HELP)


def test_the_sandbox_holds_what_the_page_says() -> None:
    with Sandbox.start() as sandbox:
        check_seeds(sandbox)


def check_seeds(sandbox: Sandbox) -> None:
    desk, crm = sandbox.zendesk_state, sandbox.salesforce_state
    customers = [user for user in desk.users() if user.role == "end-user"]

    assert [ticket.id for ticket in desk.tickets()] == list(range(101, 113))
    assert (len(customers), len(desk.organizations())) == (11, 3)
    assert {group.id: group.name for group in desk.groups()} == {
        4001: "Support",
        4002: "Billing",
        4003: "Trust & Safety",
    }
    assert [len(crm.records(spec)) for spec in (ACCOUNT, CONTACT, CASE)] == [6, 19, 1]
    page = " ".join(text("sandbox.md").split())
    assert "tickets 101 to 112 with their conversations, eleven requesters" in page
    assert "six accounts, nineteen contacts (each of the requesters among them)" in page


def test_the_sandbox_serves_every_model_of_the_packaged_policy(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    pools = PolicySource(None).load("support").pools
    named = {one.target for pool in pools if pool.kind is TargetKind.MODEL for one in pool.targets}

    assert named == {one.name for one in settings_for(sandbox, tmp_path).models}


def test_tools_ask_for_two_of_the_four_scopes() -> None:
    assert {tool.scope for tool in REGISTRY} == {Scope.READ, Scope.WRITE}
    page = " ".join(text("configuration.md").split())
    assert "`approve` and `audit` are accepted, and no tool asks for them yet" in page
