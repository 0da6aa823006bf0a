"""A provider on its embedded server, over real TLS: what the contract's tests of providers use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    Emit,
    Message,
    Role,
    ToolSpec,
)
from mcp_router.domain.target import ModelTarget
from mcp_router.errors import SendFailed
from mcp_router.providers.provider import Provider, open_provider
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.models.app import COMPLETION
from mcp_router.sandbox.models.state import ScriptedAnswer
from mcp_router.sandbox.server import SandboxServer
from mcp_router.settings import ProviderKind, ProviderSettings, parse_settings

TIMEOUT_S = 10.0
LOOKUP = ToolSpec(
    name="lookup_ticket",
    description="Look a ticket up.",
    parameters_json='{"type":"object","properties":{"ticket_id":{"type":"string"}}}',
)
SYSTEM = Message(role=Role.SYSTEM, content="You help the customers of a shop.")
QUESTION = Message(role=Role.USER, content="Where is my parcel? It is ticket 7.")
ASK = CompletionRequest(messages=(SYSTEM, QUESTION), max_output_tokens=500, temperature=0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One provider, its server, and a model of it."""

    provider: Provider
    settings: ProviderSettings
    model: ModelTarget
    server: SandboxServer
    sandbox: Sandbox
    received_before: int
    applied_before: int

    async def complete(
        self, request: CompletionRequest = ASK, *, timeout_s: float = TIMEOUT_S
    ) -> Completion:
        return await self.provider.complete(self.model, request, timeout_s=timeout_s)

    async def failure(self, *, timeout_s: float = TIMEOUT_S) -> SendFailed:
        with pytest.raises(SendFailed) as caught:
            await self.complete(timeout_s=timeout_s)

        return caught.value

    def received(self) -> int:
        return self.server.received.count() - self.received_before

    def applied(self) -> int:
        return self.server.effects.count(COMPLETION) - self.applied_before

    def script(self, answer: ScriptedAnswer) -> None:
        """Let this model give `answer` next."""
        self.sandbox.models_state.script(replace(answer, model=self.model.model))

    def told(self) -> CompletionRequest:
        """Return the last request as the server understood it."""
        return self.sandbox.models_state.requests(self.model.model)[-1].request

    async def stream(
        self, emit: Emit, request: CompletionRequest = ASK, *, timeout_s: float = TIMEOUT_S
    ) -> Completion:
        return await self.provider.stream(self.model, request, timeout_s=timeout_s, emit=emit)


@asynccontextmanager
async def opened_bench(kind: ProviderKind, sandbox: Sandbox) -> AsyncIterator[Bench]:
    """Open the provider of a kind; its server is left without faults."""
    settings = parse_settings(sandbox.router_yaml(), file="router.yaml", environ={})
    ours = next(one for one in settings.providers if one.kind is kind)
    server = next(one for one in sandbox.servers if one.name == kind.value)
    provider = open_provider(ours)
    yield Bench(
        provider=provider,
        settings=ours,
        model=next(one for one in settings.models if one.provider == ours.name),
        server=server,
        sandbox=sandbox,
        received_before=server.received.count(),
        applied_before=server.effects.count(COMPLETION),
    )
    await provider.aclose()
    server.faults.clear()
