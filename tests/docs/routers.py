"""A router on the embedded servers, called as a host calls it, for the claims of the docs."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mcp.client import Client

from mcp_router.app import App, open_app
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.mcp import build_server
from mcp_router.settings import Settings, parse_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A tool's structured result, and whether it is an error."""

    result: Mapping[str, object]
    is_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A connected host."""

    client: Client
    app: App
    storage: str

    async def call(
        self, tool: str, arguments: Mapping[str, object], meta: Mapping[str, str] | None = None
    ) -> Answered:
        """Call a tool."""
        # A call's `_meta` is a typed dictionary in the SDK, open to keys of any vendor.
        named = dict(meta) if meta else None
        result = await self.client.call_tool(tool, dict(arguments), meta=named)  # type: ignore[arg-type]  # as said
        return Answered(result=result.structured_content or {}, is_error=bool(result.is_error))

    async def outcome(
        self, tool: str, arguments: Mapping[str, object], meta: Mapping[str, str] | None = None
    ) -> tuple[str, str]:
        """Call a writing tool; return its outcome and where its key came from."""
        result = (await self.call(tool, arguments, meta)).result
        return str(result["outcome"]), str(result["dedupe"])


def settings_for(sandbox: Sandbox, folder: Path, more: str = "") -> Settings:
    """Return settings for the embedded servers, with more of router.yaml behind them."""
    document = sandbox.router_yaml(f"sqlite:///{folder / 'router.db'}")
    return parse_settings(document + more, file=str(folder / "router.yaml"), environ={})


@asynccontextmanager
async def host(sandbox: Sandbox, folder: Path) -> AsyncIterator[Host]:
    """Yield a host that is connected in memory to a router of its own."""
    settings = settings_for(sandbox, folder)

    async with open_app(settings) as app, Client(build_server(app)) as client:
        yield Host(client=client, app=app, storage=settings.storage)
