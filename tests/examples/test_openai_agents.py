"""The host made with the OpenAI Agents SDK; whole where that SDK is installed, else its parts."""

import importlib.util
import json
import ssl
import sys
from types import ModuleType

import httpx2
import pytest

from mcp_router.sandbox.credentials import OPENAI_KEY
from tests.examples.hosts import (
    EXAMPLES,
    TOOLS,
    run_example,
    tools_over_http,
    tools_over_stdio,
)

SCRIPT = EXAMPLES / "openai_agents" / "run.py"
SDK = {
    "agents": ("Agent", "OpenAIChatCompletionsModel", "Runner", "set_tracing_disabled"),
    "agents.mcp": ("MCPServer", "MCPServerStdio", "MCPServerStreamableHttp"),
    "openai": ("AsyncOpenAI", "DefaultAsyncHttpxClient"),
}
"""Everything that the example takes from the SDK."""


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the example as a module, with empty classes where the SDK is not installed."""
    missing = [name for name in ("agents", "openai") if importlib.util.find_spec(name) is None]

    for name, members in SDK.items():
        if name.partition(".")[0] in missing:
            stand_in = ModuleType(name)
            monkeypatch.setitem(sys.modules, name, stand_in)

            for member in members:
                setattr(stand_in, member, type(member, (), {}))

    spec = importlib.util.spec_from_file_location("openai_agents_example", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_the_agent_reads_a_ticket_over_both_transports(environment: dict[str, str]) -> None:
    pytest.importorskip("agents", reason="needs the OpenAI Agents SDK: pip install openai-agents")

    run = run_example(SCRIPT, environment)

    assert run.returncode == 0, run.stdout + run.stderr
    assert [line.partition(";")[0] for line in run.stdout.splitlines()] == [
        "stdio: called lookup_ticket",
        "http: called lookup_ticket",
    ]


async def test_its_servers_and_its_model_can_be_reached(
    example: ModuleType, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])

    async with example.router_over_http(["--sandbox"]) as running:
        stdio = example.stdio_parameters(running.said(r"configuration\s+(\S+)"))
        listed = await tools_over_stdio(stdio["command"], stdio["args"], environment)
        assert listed == TOOLS
        assert await tools_over_http(example.http_parameters(running.url)["url"]) == TOOLS
        assert await answer(running) == {"model": "gpt-5-mini-2025-08-07", "tool": "lookup_ticket"}


async def answer(running: object) -> dict[str, str]:
    """Ask the embedded model as the SDK does: chat completions with a tool, over TLS."""
    said = running.said  # type: ignore[attr-defined]  # the example's own class
    trust = ssl.create_default_context(cafile=said(r"certificate signed by (\S+)"))
    tool = {
        "type": "function",
        "function": {
            "name": "lookup_ticket",
            "parameters": {
                "type": "object",
                "properties": {"ticket_id": {"type": "string"}},
                "required": ["ticket_id"],
            },
        },
    }
    body = {
        "model": "gpt-5-mini",
        "messages": [{"role": "user", "content": "Please look up ticket 105."}],
        "tools": [tool],
    }

    async with httpx2.AsyncClient(verify=trust) as client:
        response = await client.post(
            said(r"openai\s+(\S+)") + "/v1/chat/completions",
            headers={"Authorization": f"Bearer {OPENAI_KEY}"},
            json=body,
        )

    whole = response.json()
    [call] = whole["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"ticket_id": "105"}
    return {"model": whole["model"], "tool": call["function"]["name"]}
