"""Header values mean the same with and without spaces at their ends."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

from mcp_router.app import open_app
from mcp_router.serve.http import asgi
from mcp_router.settings import parse_settings
from tests.served import served

REVISION = "2026-07-28"
LISTING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/list",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}


async def status_of(url: str, method_header: str) -> bytes:
    """Send a listing whose Mcp-Method is written like that; return the answer's status line."""
    place = urlsplit(url)
    body = json.dumps(LISTING)
    lines = [
        "POST /mcp HTTP/1.1",
        f"Host: {place.netloc}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"MCP-Protocol-Version: {REVISION}",
        f"Mcp-Method:{method_header}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write("\r\n".join([*lines, "", body]).encode())
    status = await reader.readline()
    await reader.read()
    writer.close()
    await writer.wait_closed()
    return status


async def test_spaces_around_a_header_value_do_not_count(tmp_path: Path) -> None:
    text = f"storage: sqlite:///{tmp_path}/router.db\n"
    settings = parse_settings(text, file="router.yaml", environ={})

    async with open_app(settings) as app, served(asgi(app)) as url:
        assert await status_of(url, " tools/list") == b"HTTP/1.1 200 OK\r\n"
        assert await status_of(url, "\ttools/list \t ") == b"HTTP/1.1 200 OK\r\n"
        assert await status_of(url, " tools/call") == b"HTTP/1.1 400 Bad Request\r\n"
