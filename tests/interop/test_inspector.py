"""The official MCP Inspector calls every tool over every transport, as a person would."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcp_router.app import open_app
from mcp_router.domain.effect import Effect
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.http import asgi
from mcp_router.settings import load_settings
from mcp_router.tools.registry import REGISTRY
from tests.node_tools import NodeTools, require_node_tools
from tests.served import served
from tests.source_tree import CHECKOUT

TRANSPORTS = ("stdio", "http", "sse")
AT_ONCE = 2  # Inspectors at a time: each takes a core for a second

JsonObject = Mapping[str, object]

INDEPENDENT: Mapping[str, JsonObject] = {
    "route_completion": {"input": "How do I reset my password?"},
    "lookup_ticket": {"ticket_id": 101, "max_comments": 2},
    "search_tickets": {"query": "password", "limit": 3},
    "create_ticket": {"subject": "A box arrived empty", "body": "The seal was intact."},
    "reply_to_ticket": {"ticket_id": "101", "body": "A new link is on its way."},
    # Each write has a ticket of its own: of two at once on one ticket, the later one is refused.
    "add_internal_note": {"ticket_id": 104, "body": "The mail server is slow today."},
    "update_ticket": {"ticket_id": 102, "add_tags": ["gift"]},
    "escalate_to_human": {"ticket_id": 103, "reason": "refund", "summary": "Wants a person."},
    "find_customer": {"name": "Maya"},
    "sync_ticket_to_crm": {"ticket_id": 101},
}
WRITING = [tool.name for tool in REGISTRY if tool.effect is not Effect.READ]
WRITES_APPLIED = {"comment": 3, "ticket": 1, "update": 3}  # an escalation is one of each
CASES_APPLIED = {"case": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspector:
    """The Inspector's command line, pointed at one transport of one running router."""

    node: NodeTools
    target: tuple[str, ...]
    turns: asyncio.Semaphore

    async def ask(self, *arguments: str) -> dict[str, object]:
        """Return the result that the Inspector prints; it exits 0 only for a success."""
        async with self.turns:
            output = await self.node.run(
                "mcp-inspector", "--cli", "--format", "json", "--quiet", *arguments, *self.target,
                timeout_s=30,
            )  # fmt: skip

        assert output.code == 0, (arguments, output)
        result = json.loads(output.out)["result"]
        assert isinstance(result, dict)
        return result

    async def call(self, tool: str, arguments: JsonObject, *options: str) -> dict[str, object]:
        """Return the structured result of a tool."""
        result = await self.ask(
            *options,  # first, because some take all words up to the next option
            *("--method", "tools/call", "--tool-name", tool),
            *("--tool-args-json", json.dumps(arguments)),
        )
        structured = result["structuredContent"]
        assert isinstance(structured, dict)
        return structured

    async def call_all(self, calls: Mapping[str, JsonObject]) -> dict[str, dict[str, object]]:
        """Return the structured result of each tool, called a few at a time."""
        async with asyncio.TaskGroup() as tasks:
            running = {
                tool: tasks.create_task(self.call(tool, arguments))
                for tool, arguments in calls.items()
            }

        return {tool: task.result() for tool, task in running.items()}


@asynccontextmanager
async def router(
    transport: str, node: NodeTools, sandbox: Sandbox, folder: Path
) -> AsyncIterator[Inspector]:
    """Run a router on the sandbox behind one transport; over stdio the Inspector starts it."""
    file = folder / "router.yaml"
    file.write_text(sandbox.router_yaml(f"sqlite:///{folder}/router.db"), encoding="utf-8")
    turns = asyncio.Semaphore(AT_ONCE)

    if transport == "stdio":
        command = (sys.executable, "-m", "mcp_router", "serve", "--config", str(file))
        yield Inspector(node=node, target=("--cwd", str(CHECKOUT), "--", *command), turns=turns)
        return

    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(load_settings(file, {})))
        url = await stack.enter_async_context(served(asgi(app)))
        path = {"http": "/mcp", "sse": "/sse"}[transport]
        yield Inspector(node=node, target=(f"{url}{path}",), turns=turns)


@pytest.fixture
def node() -> NodeTools:
    return require_node_tools()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_inspector_calls_every_tool(
    transport: str, node: NodeTools, tmp_path: Path
) -> None:
    with Sandbox.start() as sandbox:
        async with router(transport, node, sandbox, tmp_path) as inspector:
            told = await inspector.call_all(INDEPENDENT)
            told |= await inspector.call_all(
                {
                    "explain_decision": {"decision_id": told["route_completion"]["decision_id"]},
                    "report_outcome": {
                        "decision_id": told["route_completion"]["decision_id"],
                        "resolved": True,
                    },
                    "get_action": {"action_id": told["create_ticket"]["action_id"]},
                    "sync_crm_to_ticket": {"ticket_id": 101},
                }
            )

        assert set(told) == {tool.name for tool in REGISTRY}
        assert {told[name]["outcome"] for name in WRITING} == {"succeeded"}
        assert told["lookup_ticket"]["id"] == "101"
        assert told["get_action"]["state"] == "succeeded"
        assert told["explain_decision"]["tool"] == "route_completion"
        assert sandbox.zendesk.effects.kinds() == WRITES_APPLIED
        assert sandbox.salesforce.effects.kinds() == CASES_APPLIED


@pytest.mark.timeout(60)
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_the_inspector_finds_no_fault_with_the_schemas(
    transport: str, era: str, node: NodeTools, tmp_path: Path
) -> None:
    with Sandbox.start() as sandbox:
        async with router(transport, node, sandbox, tmp_path) as inspector:
            listed = await inspector.ask(
                "--method", "tools/list", "--strict", "--protocol-era", era
            )

    tools = listed["tools"]
    assert isinstance(tools, list)
    assert [tool["name"] for tool in tools] == [tool.name for tool in REGISTRY]


@pytest.mark.timeout(60)
async def test_a_key_in_the_metadata_or_in_a_header_names_the_write(
    node: NodeTools, tmp_path: Path
) -> None:
    note = {"ticket_id": 101, "body": "The customer called as well."}

    with Sandbox.start() as sandbox:
        async with router("http", node, sandbox, tmp_path) as inspector:
            meta = ("--tool-metadata", "dev.mcp-router/idempotency-key=call-7")
            first = await inspector.call("add_internal_note", note, *meta)
            header = ("--header", "Idempotency-Key: call-7")
            second = await inspector.call("add_internal_note", note, *header)

        assert (first["outcome"], second["outcome"]) == ("succeeded", "replayed")
        assert first["action_id"] == second["action_id"]
        assert sandbox.zendesk.effects.kinds() == {"comment": 1}
