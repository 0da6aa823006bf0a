"""The two hosts of the copilot: one that asks its model and its desk directly, and one that routes.

Both send the same questions through the same door of the router, `route_completion`. They differ
in their policy, and in how they treat a tool that has not answered in time.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from examples.marketplace.assumptions import HostHabits
from examples.marketplace.desk import HelpDesk
from examples.marketplace.workload import Request
from mcp_router.canonical import JsonValue
from mcp_router.clock import Clock
from mcp_router.domain.action import Outcome
from mcp_router.domain.call import Call
from mcp_router.domain.caller import trusted_caller
from mcp_router.domain.completion import FinishReason, Role
from mcp_router.errors import RouterError, SendFailed
from mcp_router.services import Services
from mcp_router.tools import create_ticket, route_completion
from mcp_router.tools.completion_arguments import (
    MessagePart,
    RouteCompletionArguments,
    ToolPart,
)
from mcp_router.tools.create_ticket import CreateTicketArguments
from mcp_router.tools.route_completion import RouteCompletionResult
from mcp_router.tools.writing import WriteResult

CACHE = "cache"
"""The place of an answer that no model had to give."""

_CALLER = trusted_caller("example")
_WHOLE = frozenset({FinishReason.STOP, FinishReason.TOOL_CALLS})
_OFFERED = ToolPart(
    name=create_ticket.TOOL.name,
    description="Open a ticket at the help desk.",
    parameters={
        "type": "object",
        "properties": {"subject": {"type": "string"}, "body": {"type": "string"}},
        "required": ["subject", "body"],
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What became of one request; `code` names the error of a failed one.

    `place` is the pool that answered, or `CACHE`. `acted` says whether a ticket was wanted, and
    `told` whether the host was told in the end that it is there.
    """

    number: int
    at_s: float
    success: bool
    latency_s: float
    attempts: int = 0
    place: str | None = None
    code: str | None = None
    acted: bool = False
    told: bool = False


Act = Callable[[Request, dict[str, object]], Awaitable[bool]]
"""Carry out a tool call that a model proposed, and say whether it is known to be done."""


class Host:
    """Asks for each request, and acts where the model proposes it."""

    def __init__(self, services: Services, clock: Clock, habits: HostHabits, act: Act) -> None:
        """Ask `services`, and do with `act` what the models propose."""
        self._services = services
        self._clock = clock
        self._habits = habits
        self._act = act
        self.served: list[Served] = []

    async def serve(self, request: Request) -> None:
        """Answer one customer, and note how that went."""
        started_s = self._clock.monotonic_s()
        call = call_of(route_completion.TOOL.name, f"ask-{request.number}", self._clock)

        try:
            answer = await route_completion.run(self._services, call, _arguments(request))
        except RouterError as error:
            latency_s = self._clock.monotonic_s() - started_s
            self.served.append(
                Served(
                    number=request.number,
                    at_s=request.at_s,
                    success=False,
                    latency_s=latency_s,
                    code=error.code,
                )
            )
            return

        latency_s = self._clock.monotonic_s() - started_s
        code = _fault(answer, late=latency_s > self._habits.answer_deadline_s)
        proposed = [json.loads(one.arguments) for one in answer.tool_calls]
        told = [await self._act(request, arguments) for arguments in proposed]
        self.served.append(
            Served(
                number=request.number,
                at_s=request.at_s,
                success=code is None,
                latency_s=latency_s,
                attempts=len(answer.attempts),
                place=CACHE if answer.cache.state == "hit" else answer.pool,
                code=code,
                acted=bool(told),
                told=all(told),
            )
        )


def naive(desk: HelpDesk, habits: HostHabits) -> Act:
    """Return how the host before acts: it calls its tool again, and hopes."""

    async def act(request: Request, arguments: dict[str, object]) -> bool:
        ticket: dict[str, JsonValue] = {
            "subject": str(arguments["subject"]),
            "comment": {"body": str(arguments["body"])},
            "tags": [tag_of(request)],
        }

        for _ in range(habits.tool_tries):
            try:
                await desk.create(ticket, key=None, timeout_s=habits.tool_timeout_s)
            except SendFailed:
                continue

            return True

        return False

    return act


def routed(services: Services, clock: Clock, habits: HostHabits) -> Act:
    """Return how the host after acts: the same retries, through the router and under one key."""

    async def act(request: Request, arguments: dict[str, object]) -> bool:
        wanted = CreateTicketArguments.model_validate(
            {
                **arguments,
                "tags": [tag_of(request)],
                "idempotency_key": f"ticket-for-{request.number}",
            }
        )

        for turn in range(habits.tool_tries):
            call = call_of(create_ticket.TOOL.name, f"act-{request.number}-{turn}", clock)
            done: WriteResult | None = None

            with anyio.move_on_after(habits.tool_timeout_s):
                done = await create_ticket.run(services, call, wanted)

            if done is None:
                continue

            if done.outcome in (Outcome.SUCCEEDED, Outcome.REPLAYED):
                return True

            await clock.sleep(done.ask_again_s or 1)

        return False

    return act


def tag_of(request: Request) -> str:
    """Return the tag by which the desk's truth is compared with what was asked for."""
    return f"request-{request.number}"


def call_of(tool: str, name: str, clock: Clock) -> Call:
    """Return a call that arrives now."""
    return Call(call_id=name, tool=tool, caller=_CALLER, received_ms=clock.now_ms())


def _arguments(request: Request) -> RouteCompletionArguments:
    """Return what the host says to the router."""
    turns = [
        MessagePart(role=role, content=said)
        for turn in request.turns
        for role, said in zip((Role.USER, Role.ASSISTANT), turn, strict=True)
    ]
    return RouteCompletionArguments(
        system=request.system,
        messages=[*turns, MessagePart(role=Role.USER, content=request.text)],
        tools=[_OFFERED] if request.wants_action else [],
        customer_tier=request.tier,
        locale=request.locale,
        channel=request.channel,
        retrieval_confidence=request.retrieval,
    )


def _fault(answer: RouteCompletionResult, *, late: bool) -> str | None:
    """Return why an answer does not count, None if it does."""
    if late:
        return "late"

    return None if answer.finish_reason in _WHOLE else "incomplete"
