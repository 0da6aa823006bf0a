"""The providers of models on one day: how fast they answer, and when they do not.

The servers are the router's embedded ones, with their real wire formats, reached in this process;
only their speed, their answers' length and their failures are drawn from the assumptions.
"""

import asyncio
import json
import math
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

import httpx2
from anyio.lowlevel import checkpoint
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.marketplace.assumptions import Assumptions, Errors, Outage
from examples.marketplace.workload import CHARACTERS_PER_TOKEN, tokens_of
from mcp_router.clock import Clock
from mcp_router.domain.completion import FinishReason, Usage
from mcp_router.domain.secret import Secret
from mcp_router.domain.target import ModelTarget
from mcp_router.providers.provider import Provider
from mcp_router.providers.wire import Wire
from mcp_router.sandbox import credentials
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.models.app import create_app
from mcp_router.sandbox.models.ask import Ask
from mcp_router.sandbox.models.catalog import CATALOG
from mcp_router.sandbox.models.state import Behaviour, ModelsState, ScriptedAnswer
from mcp_router.sandbox.models.topics import GENERAL
from mcp_router.sandbox.models.usage import input_tokens
from mcp_router.settings import ProviderKind, ProviderSettings
from mcp_router.testing.in_process import InProcessTransport

FOR_EVER_S = 86_400.0
TOOL_CALL_TOKENS = 60
_ANSWER = f"{GENERAL.answer} {GENERAL.reason} {GENERAL.steps} "

PROVIDERS = (
    ProviderSettings(
        name="anthropic",
        kind=ProviderKind.ANTHROPIC,
        api_key=Secret(credentials.ANTHROPIC_KEY),
        base_url="https://api.anthropic.com",
    ),
    ProviderSettings(
        name="openai",
        kind=ProviderKind.OPENAI,
        api_key=Secret(credentials.OPENAI_KEY),
        base_url="https://api.openai.com/v1",
    ),
    ProviderSettings(
        name="google",
        kind=ProviderKind.GEMINI,
        api_key=Secret(credentials.GEMINI_KEY),
        base_url="https://generativelanguage.googleapis.com",
    ),
)
"""The vendors' own addresses, by which their list prices are found; nothing is sent there."""

_NAMES = {one.kind: one.name for one in PROVIDERS}
MODELS = tuple(
    ModelTarget(name=one.name, provider=_NAMES[one.kind], model=one.model, family=one.family)
    for one in CATALOG
)


class Fate(StrEnum):
    """What a provider does with one request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    LIMITED = "limited"
    SILENT = "silent"


@dataclass(slots=True, kw_only=True)
class Toll:
    """What one provider did: its requests by their fate, and what it billed for nothing.

    `met` counts the requests that came during an outage, by when it began, and `first_s` is when
    the first of them came; `abandoned` are the answers that were paid for after their caller had
    given up.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    first_s: dict[str, float] = field(default_factory=dict)
    abandoned: list[tuple[str, Usage]] = field(default_factory=list)


_asked: ContextVar[tuple[str, Usage] | None] = ContextVar("asked", default=None)
"""The model and the usage of the request that the current task is served."""


class World:
    """Three providers of models."""

    def __init__(
        self,
        assumptions: Assumptions,
        clock: Clock,
        *,
        seed: int,
        outage: Outage | None = None,
    ) -> None:
        """Draw by `seed`; `outage` comes on top of those of the assumptions."""
        self._assumptions = assumptions
        self._clock = clock
        self._speech = Random(f"{seed}:answers")
        self._pace = {model.model: Random(f"{seed}:{model.model}") for model in MODELS}
        self._outages = assumptions.providers.outages + ((outage,) if outage else ())
        self._seed = seed
        self.state = ModelsState(clock=clock, behave=self.behave)
        self.tolls = {one.name: Toll() for one in PROVIDERS}

    def provider(self, settings: ProviderSettings) -> Provider:
        """Return a real provider whose wire ends at its embedded server in this process."""
        app = create_app(settings.kind, self.state, Effects())
        weather = _Weather(
            app,
            name=settings.name,
            assumptions=self._assumptions,
            outages=tuple(one for one in self._outages if one.provider == settings.name),
            clock=self._clock,
            random=Random(f"{self._seed}:{settings.name}"),
            toll=self.tolls[settings.name],
        )
        transport = InProcessTransport(weather, weather.connect)
        return Provider(settings, Wire(settings.base_url, transport=transport))

    def behave(self, ask: Ask) -> Behaviour:
        """Return how long the model takes for this request, and what it says."""
        model, prompts = ask.model.model, self._assumptions.prompts
        acts = bool(ask.request.tools)
        wanted = TOOL_CALL_TOKENS if acts else tokens_of(prompts, self._speech)
        length = min(wanted, ask.request.max_output_tokens)
        usage = Usage(input_tokens=input_tokens(ask.request), output_tokens=length)
        _asked.set((model, usage))
        cut = length < wanted or (not acts and self._speech.random() < prompts.cut_off)
        answer = ScriptedAnswer(
            text=_say(length), finish_reason=FinishReason.LENGTH if cut else None
        )
        return Behaviour(
            latency_ms=self._latency_ms(model, _NAMES[ask.model.kind], length),
            answer=None if acts else answer,
        )

    def _latency_ms(self, model: str, provider: str, length: int) -> float:
        """Return how long an answer of so many tokens takes now."""
        pace, random = self._assumptions.models[model], self._pace[model]
        usual = pace.first_token_ms + 1000 * length / pace.tokens_per_s
        usual *= math.exp(random.gauss(0, pace.spread))
        now_s, hit = self._clock.monotonic_s(), random.random()

        for spike in self._assumptions.providers.spikes:
            if spike.provider == provider and spike.covers(now_s) and hit < spike.share:
                usual *= spike.factor

        return usual


class _Weather:
    """An ASGI app before a provider's: what becomes of each request that it is sent."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        name: str,
        assumptions: Assumptions,
        outages: tuple[Outage, ...],
        clock: Clock,
        random: Random,
        toll: Toll,
    ) -> None:
        self._app = app
        self._name = name
        self._providers = assumptions.providers
        self._outages = outages
        self._clock = clock
        self._random = random
        self._toll = toll
        self._allowance = self._providers.requests_per_s
        self._counted_s = 0.0

    async def connect(self) -> None:
        """Refuse the connection where there is none to be had."""
        await checkpoint()

        if (outage := self._outage()) is not None:
            self._toll.met[outage.at] += 1
            self._toll.first_s.setdefault(outage.at, self._clock.monotonic_s())

        if self._random.random() < self._shares().refused:
            self._toll.fates[Fate.REFUSED] += 1
            raise httpx2.ConnectError("The provider is not there.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or not."""
        _asked.set(None)
        fate = self._fate()
        self._toll.fates[fate] += 1

        if fate is Fate.SILENT:
            await asyncio.sleep(FOR_EVER_S)
        elif fate is Fate.UNAVAILABLE:
            await _fail(send, 503, ())
        elif fate is Fate.LIMITED:
            again = str(self._providers.retry_after_s).encode()
            await _fail(send, 429, ((b"retry-after", again),))
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the server answer; it bills what it was asked although nobody waits any more."""
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if (asked := _asked.get()) is not None:
                self._toll.abandoned.append(asked)

            raise

    def _fate(self) -> Fate:
        """Return what becomes of a request that has arrived."""
        if not self._is_within_allowance():
            return Fate.LIMITED

        shares, draw = self._shares(), self._random.random()

        for fate, share in (
            (Fate.SILENT, shares.silent),
            (Fate.UNAVAILABLE, shares.unavailable),
            (Fate.LIMITED, shares.limited),
        ):
            if draw < share:
                return fate

            draw -= share

        return Fate.ANSWERED

    def _shares(self) -> Errors:
        """Return the shares of failures that hold now."""
        outage = self._outage()

        if outage is None:
            return self._providers.errors

        left = 1 - outage.refused  # who was not refused shares what is left
        return Errors(
            refused=outage.refused,
            unavailable=outage.unavailable / left,
            limited=0.0,
            silent=outage.silent / left,
        )

    def _outage(self) -> Outage | None:
        """Return the outage of this moment, if there is one."""
        now_s = self._clock.monotonic_s()
        return next((outage for outage in self._outages if outage.covers(now_s)), None)

    def _is_within_allowance(self) -> bool:
        """Take one request from the account's allowance, if it has one left."""
        now_s, most = self._clock.monotonic_s(), self._providers.requests_per_s
        self._allowance = min(most, self._allowance + (now_s - self._counted_s) * most)
        self._counted_s = now_s

        if self._allowance < 1:
            return False

        self._allowance -= 1
        return True


async def _fail(send: Send, status: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Answer with an error."""
    body = json.dumps({"error": {"message": "Please try again later."}}).encode()
    head = [(b"content-type", b"application/json"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def _say(tokens: int) -> str:
    """Return an answer of so many tokens; what it says has no part in any figure."""
    length = tokens * CHARACTERS_PER_TOKEN
    return (_ANSWER * (1 + length // len(_ANSWER)))[:length]
