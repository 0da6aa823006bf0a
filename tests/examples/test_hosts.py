"""The configuration files of hosts start what they say, and find every tool."""

import json
from pathlib import Path

from tests.examples.hosts import EXAMPLES, TOOLS, started, tools_over_http, tools_over_stdio

CLAUDE = EXAMPLES / "claude_desktop" / "claude_desktop_config.json"
VSCODE = EXAMPLES / "vscode" / "mcp.json"


def entry(file: Path, section: str, name: str) -> dict[str, object]:
    document = json.loads(file.read_text(encoding="utf-8"))
    found = document[section][name]
    assert isinstance(found, dict)
    return found


async def test_the_command_of_both_hosts_lists_every_tool(environment: dict[str, str]) -> None:
    server = entry(CLAUDE, "mcpServers", "mcp-router")
    command, arguments = server["command"], server["args"]

    assert entry(VSCODE, "servers", "mcp-router") == {"type": "stdio", **server}
    assert isinstance(command, str)
    assert isinstance(arguments, list)
    assert await tools_over_stdio(command, arguments, environment) == TOOLS
    assert len(TOOLS) == 14


async def test_the_url_of_vs_code_is_where_the_server_is(environment: dict[str, str]) -> None:
    url = entry(VSCODE, "servers", "mcp-router-http")["url"]
    assert url == "http://127.0.0.1:8080/mcp"
    command = ["mcp-router", "serve", "--transport", "http", "--sandbox", "--port", "0"]

    async with started(command, environment) as here:
        assert here.partition("127.0.0.1:")[0] == "http://"
        assert here.endswith("/mcp")
        assert await tools_over_http(here) == TOOLS


def test_vs_code_finds_the_type_of_each_server() -> None:
    servers = json.loads(VSCODE.read_text(encoding="utf-8"))["servers"]

    assert {name: one["type"] for name, one in servers.items()} == {
        "mcp-router": "stdio",
        "mcp-router-http": "http",
    }
