"""The embedded model servers as ASGI apps."""

import asyncio
from collections.abc import AsyncIterator
from typing import assert_never

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.models.anthropic import Anthropic
from mcp_router.sandbox.models.ask import Ask, Dialect, JsonObject, Problem, Served
from mcp_router.sandbox.models.gemini import Gemini
from mcp_router.sandbox.models.openai import OpenAI
from mcp_router.sandbox.models.state import ModelsState
from mcp_router.settings import ProviderKind

COMPLETION = "completion"
"""The kind of effect that an answered completion counts as, on `provider/model`."""


def create_app(kind: ProviderKind, state: ModelsState, effects: Effects) -> Starlette:
    """Return the server of one provider; the three may share `state`."""
    server = _ModelServer(_dialect(kind), state, effects)
    dialect = server.dialect
    routes = [
        Route(dialect.completion_path, server.complete, methods=["POST"]),
        Route(dialect.models_path, server.list_models, methods=["GET"]),
    ]

    if dialect.stream_path is not None:
        routes.append(Route(dialect.stream_path, server.complete_streamed, methods=["POST"]))

    # One handler for 404 and 405: none of the three providers tells them apart.
    return Starlette(routes=routes, exception_handlers={HTTPException: server.not_served})


def _dialect(kind: ProviderKind) -> Dialect:
    match kind:
        case ProviderKind.OPENAI:
            return OpenAI()
        case ProviderKind.ANTHROPIC:
            return Anthropic()
        case ProviderKind.GEMINI:
            return Gemini()
        case _:
            assert_never(kind)


class _ModelServer:
    def __init__(self, dialect: Dialect, state: ModelsState, effects: Effects) -> None:
        self.dialect = dialect
        self._state = state
        self._effects = effects
        self._answers = 0

    async def complete(self, request: Request) -> Response:
        return await self._complete(request, stream_path=False)

    async def complete_streamed(self, request: Request) -> Response:
        return await self._complete(request, stream_path=True)

    async def list_models(self, request: Request) -> Response:
        refused = self.dialect.authorize(request.headers, request.query_params)
        return self._refuse(refused) if refused else self._answer(self.dialect.listing(), 200)

    async def not_served(self, request: Request, error: Exception) -> Response:
        return self._refuse(self.dialect.unknown_path(request.method, request.url.path))

    async def _complete(self, request: Request, *, stream_path: bool) -> Response:
        refused = self.dialect.authorize(request.headers, request.query_params)

        if refused is not None:
            return self._refuse(refused)

        named = str(request.path_params.get("model", ""))
        ask = self.dialect.read(await request.body(), named, stream_path=stream_path)

        if isinstance(ask, Problem):
            return self._refuse(ask)

        behaviour = self._state.behaviour(ask)
        await asyncio.sleep(behaviour.latency_ms / 1000)
        served = self._state.serve(ask, behaviour.answer)
        self._effects.applied(COMPLETION, f"{self.dialect.kind}/{ask.model.model}")

        if ask.streamed:
            return StreamingResponse(
                self._events(served, ask),
                media_type="text/event-stream",
                headers={self.dialect.request_id_header: self._request_id()},
            )

        return self._answer(self.dialect.write(served), 200)

    async def _events(self, served: Served, ask: Ask) -> AsyncIterator[bytes]:
        for event in self.dialect.stream(served, ask):
            yield event
            await asyncio.sleep(0)  # so that the end of the connection is noticed in between

    def _refuse(self, problem: Problem) -> Response:
        request_id = self._request_id()
        body = self.dialect.error(problem, request_id)
        return JSONResponse(body, problem.status, {self.dialect.request_id_header: request_id})

    def _answer(self, body: JsonObject, status: int) -> Response:
        return JSONResponse(body, status, {self.dialect.request_id_header: self._request_id()})

    def _request_id(self) -> str:
        self._answers += 1
        return f"req_{self._answers:024}"
