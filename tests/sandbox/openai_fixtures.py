"""What the tests of the embedded OpenAI server share."""

import httpx2
from pydantic import JsonValue

from mcp_router.sandbox.credentials import OPENAI_KEY
from mcp_router.sandbox.server import SandboxServer

Body = dict[str, JsonValue]


def said(text: str) -> list[JsonValue]:
    return [{"role": "user", "content": text}]


def post(
    client: httpx2.Client, server: SandboxServer, body: Body, key: str = OPENAI_KEY
) -> httpx2.Response:
    return client.post(
        f"{server.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
    )
