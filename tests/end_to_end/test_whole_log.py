"""Every decision of a long log is made again from what its own row keeps, bit for bit."""

import asyncio
from collections import Counter
from itertools import count
from pathlib import Path
from random import Random

import pytest
from anyio.lowlevel import checkpoint

from mcp_router.app import App, Instruments, open_app
from mcp_router.canonical import canonical_json, plain
from mcp_router.decide.decide import again
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.call import Call
from mcp_router.domain.caller import trusted_caller
from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    Emit,
    FinishReason,
    Message,
    Role,
    Usage,
)
from mcp_router.domain.target import ModelTarget
from mcp_router.errors import RouterError, SendFailed
from mcp_router.policy.source import PolicySource
from mcp_router.router import Order
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.settings import load_settings
from mcp_router.signals.collect import CallerFacts
from mcp_router.storage.store import open_archive
from tests.end_to_end.harness import Place, settle
from tests.end_to_end.test_rollouts import WHO, WHY, operator, policies, wish

CHECKOUT = Path(__file__).parents[2]
CALLS = 10_000
AT_ONCE = 50
"""So many calls are under way at a time."""

_FAILURES = (
    SendFailed("slow", evidence=Evidence.UNKNOWN, reason=Reason.TIMEOUT),
    SendFailed("down", evidence=Evidence.NOT_APPLIED, reason=Reason.SERVER_ERROR, status=503),
)


class Moody:
    """A provider whose answers cost different amounts, and fail in runs."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._sulks = 0

    async def complete(
        self, model: ModelTarget, request: CompletionRequest, *, timeout_s: float
    ) -> Completion:
        await checkpoint()

        if self._sulks == 0 and self._dice.random() < 0.002:
            self._sulks = 6

        if self._sulks:
            self._sulks -= 1
            raise self._dice.choice(_FAILURES)

        words = sum(len(one.content) for one in request.messages) // 4
        return Completion(
            text=f"Answer {self._dice.randrange(50)}.",
            tool_calls=(),
            finish_reason=FinishReason.STOP,
            usage=Usage(input_tokens=words, output_tokens=self._dice.randrange(20, 400)),
            model=model.model,
        )

    async def stream(
        self, model: ModelTarget, request: CompletionRequest, *, timeout_s: float, emit: Emit
    ) -> Completion:
        return await self.complete(model, request, timeout_s=timeout_s)

    async def check(self, *, timeout_s: float) -> str:
        return "moody"

    async def aclose(self) -> None:
        pass


def order(dice: Random, questions: tuple[str, ...]) -> Order:
    """Return one of many kinds of calls; the same customers and tickets come again."""
    turns = dice.choice((1, 1, 1, 3, 7))
    roles = (Role.USER, Role.ASSISTANT)
    messages = [
        Message(role=roles[at % 2], content=f"{dice.choice(questions)} {dice.randrange(9_000)}")
        for at in range(turns)
    ]
    facts = CallerFacts(
        customer_id=f"c-{dice.randrange(300)}",
        customer_tier=dice.choice((None, None, "vip", "enterprise")),
        locale=dice.choice((None, "en", "de-AT")),
        channel=dice.choice((None, "email", "voice")),
        retrieval_confidence=dice.choice((None, 0.1, 0.5, 0.9)),
        deadline_s=dice.choice((None, None, 5.0)),
    )
    request = CompletionRequest(
        messages=tuple(messages), max_output_tokens=dice.choice((100, 400, 1_000))
    )
    return Order(request=request, facts=facts, ticket_id=f"t-{dice.randrange(2_000)}")


def lay_out(tmp_path: Path, sandbox: Sandbox) -> Place:
    """Return a place with two versions of the shipped policy, the second one learning."""
    place = settle(tmp_path, sandbox)
    shipped = (CHECKOUT / "policies" / "support" / "2.yaml").read_text(encoding="utf-8")
    folder = policies(place)

    for version, learning in ((1, 'mode: "off"'), (2, 'mode: "on", exploration: 0.2')):
        text = shipped.replace("version: 2\n", f"version: {version}\n", 1)
        text = text.replace('learning: {mode: "off"}', f"learning: {{{learning}}}")
        (folder / f"{version}.yaml").write_text(text, encoding="utf-8")

    return place


async def run(app: App, dice: Random, questions: tuple[str, ...]) -> None:
    """Make all the calls, whatever becomes of each."""
    numbers = count(1)
    caller = trusted_caller("stdio")

    async def worker() -> None:
        while (number := next(numbers)) <= CALLS:
            call = Call(
                call_id=f"dec_{number}",
                tool="route_completion",
                caller=caller,
                received_ms=app.clock.now_ms(),
                run_id=f"run-{dice.randrange(4_000)}",
            )

            try:
                await app.services.router.complete(call, order(dice, questions))
            except RouterError:
                continue

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


@pytest.mark.timeout(240)
async def test_ten_thousand_decisions_are_made_again_from_the_log(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place, dice = lay_out(tmp_path, sandbox), Random(2026)
    source = PolicySource(policies(place).parent)
    questions = tuple(
        words for intent in source.load("support@1").intents for words in intent.examples
    )
    instruments = Instruments(provider=lambda _: Moody(dice))

    async with open_app(load_settings(place.file, {}), instruments=instruments) as app:
        await operator(app).roll_out(wish(place, 2, 40), who=WHO, why=WHY)
        await run(app, dice, questions)

    seen: Counter[str] = Counter()

    with open_archive(place.storage) as archive:
        for stored in archive.records():
            decision = stored.record.decision

            if decision is None:
                continue  # an event

            made = again(source.load(decision.policy), decision)
            assert made == decision

            if stored.seq % 10 == 0:  # equal values could still be of different types
                assert canonical_json(plain(made)) == canonical_json(plain(decision))

            seen.update({"calls", decision.policy, stored.record.outcome})
            seen["drawn"] += decision.choice is not None
            seen["open breaker"] += any("breaker" in one.reason for one in decision.rejections)
            seen["fallback"] += len(stored.record.attempts) > 1

    assert seen["calls"] == CALLS
    assert min(seen["support@1"], seen["support@2"], seen["drawn"], seen["ok"]) > CALLS / 10
    assert min(seen["open breaker"], seen["fallback"], seen["escalated"]) > CALLS / 100
