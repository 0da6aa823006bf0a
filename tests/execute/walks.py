"""The three walks over scripted targets and stores in memory, wired as `app.py` does it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mcp_router.actions import Acted, Actions, Reader, Wish
from mcp_router.audit.log import DecisionLog
from mcp_router.budget.budgets import Budgets
from mcp_router.cache.answers import AnswerCache
from mcp_router.clock import Clock
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Caller, Scope
from mcp_router.domain.completion import Completion, FinishReason, Usage
from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.effect import Effect
from mcp_router.domain.policy import Condition, Policy, PoolStrategy, Rule
from mcp_router.domain.record import Record
from mcp_router.domain.target import MILLION, ModelTarget, Price, TargetKind
from mcp_router.errors import SendFailed
from mcp_router.execute.gate import Gate
from mcp_router.execute.judge import Judge
from mcp_router.execute.shelf import Shelf
from mcp_router.execute.targets import Targets
from mcp_router.health.board import HealthBoard
from mcp_router.learning.estimates import Estimates
from mcp_router.ledger.ledger import Ledger
from mcp_router.lookups import Lookups
from mcp_router.privacy.keeper import Privacy
from mcp_router.privacy_settings import PrivacySettings
from mcp_router.providers.tokens import TokenScale
from mcp_router.rollout.stages import Stages
from mcp_router.router import Router
from mcp_router.testing.budgets import MemoryBudgets
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.desks import ScriptedDesk
from mcp_router.testing.estimates import MemoryEstimates
from mcp_router.testing.health import MemoryHealth
from mcp_router.testing.privacy import MemoryPrivacy
from mcp_router.testing.providers import ScriptedProvider
from mcp_router.testing.stages import MemoryStages
from mcp_router.testing.stores import MemoryActions, MemoryRecords
from tests.decide.examples import LIMITS, policy, pool, rule
from tests.execute.shipping import PROCESS, WRITE


class OnePolicy:
    """The only policy there is."""

    def __init__(self, only: Policy) -> None:
        self._only = only

    def load(self, reference: str) -> Policy:
        return self._only


class FlatPrices:
    """A micro-dollar a token; `known` tells whether the price of an answer is known as well."""

    known = True

    def table(self, model: ModelTarget) -> str:
        return "flat"

    def cost(self, model: ModelTarget, usage: Usage) -> int | None:
        return usage.input_tokens + usage.output_tokens

    def price(self, model: ModelTarget, prompt_tokens: int) -> Price | None:
        return Price(input=MILLION, output=MILLION)


def completion(text: str = "Hello.", *, tokens: int = 7) -> Completion:
    return Completion(
        text=text,
        tool_calls=(),
        finish_reason=FinishReason.STOP,
        usage=Usage(input_tokens=tokens, output_tokens=3),
        model="model-1",
    )


def wish(
    body: str = "On its way.",
    *,
    effect: Effect = Effect.NON_IDEMPOTENT_WRITE,
    dry_run: bool = False,
) -> Wish:
    return Wish(
        write=WRITE,
        effect=effect,
        arguments={"ticket_id": "7", "body": body},
        object_id="7",
        dry_run=dry_run,
    )


@dataclass(kw_only=True)
class House:
    """Everything below the tools, in the hands of a test."""

    desks: tuple[ScriptedDesk, ...] = ()
    answers: Mapping[str, Sequence[Completion | SendFailed]] = field(default_factory=dict)
    limits: ChainLimits = LIMITS
    only: Policy | None = None  # instead of one that sends every completion to all the models
    gate: Gate | None = None
    draw: float = 0.5
    private: PrivacySettings = field(default_factory=PrivacySettings)
    clock: ManualClock = field(default_factory=ManualClock)
    make_store: Callable[[Clock], MemoryActions] = MemoryActions
    kept: MemoryRecords = field(default_factory=MemoryRecords)
    calls: int = 0
    drawn: int = 0

    def __post_init__(self) -> None:
        self.store = self.make_store(self.clock)
        self.scale = TokenScale()
        self.providers = {name: ScriptedProvider(script) for name, script in self.answers.items()}
        models = {
            name: ModelTarget(name=name, provider=name, model="m", family=name)
            for name in self.answers
        }
        targets = Targets(
            models=models,
            providers=self.providers,
            desks={desk.name: desk for desk in self.desks},
            prices=FlatPrices(),
        )
        self.health = HealthBoard(MemoryHealth(), self.clock, process=PROCESS)
        self.estimates = Estimates(MemoryEstimates(), self.clock)
        self.stages = Stages(MemoryStages(MemoryRecords()), self.clock, self._draw)
        self.money = MemoryBudgets(self.clock)
        self.budgets = Budgets(self.money, self.clock, self._draw)
        self.judge = Judge(
            OnePolicy(self.only or self._policy()),
            "support",
            targets,
            stages=self.stages,
            health=self.health,
            estimates=self.estimates,
            scale=self.scale,
            draw=lambda: self.draw,
        )
        self.sealed = MemoryPrivacy(self.kept)
        self.privacy = Privacy(self.sealed, self.clock, self._draw, settings=self.private)
        self.log = DecisionLog(self.kept, self.clock, scrub=self.privacy.scrub)
        self.ledger = Ledger(self.store, self.clock)
        self.lookups = Lookups(
            judge=self.judge, targets=targets, log=self.log, clock=self.clock, jitter=lambda: 1.0
        )
        self.router = Router(
            judge=self.judge,
            targets=targets,
            ledger=self.ledger,
            log=self.log,
            clock=self.clock,
            jitter=lambda: 1.0,
            budgets=self.budgets,
            shelf=Shelf(AnswerCache(self.clock)),
            scale=self.scale,
            gate=self.gate or self.health,
            privacy=self.privacy,
        )
        self.actions = Actions(
            judge=self.judge,
            targets=targets,
            lookups=self.lookups,
            ledger=self.ledger,
            log=self.log,
            clock=self.clock,
            entropy=self._draw,
            owner=PROCESS,
        )

    def call(
        self,
        tool: str = "reply_to_ticket",
        *,
        key: str | None = None,
        run_id: str | None = None,
        host_call_id: str | None = None,
        tenant: str = "acme",
    ) -> Call:
        """Return a new call, as a transport hands it in."""
        self.calls += 1
        scopes = frozenset(Scope)
        return Call(
            call_id=f"dec_{self.calls}",
            tool=tool,
            caller=Caller(tenant=tenant, principal="copilot", scopes=scopes, transport="http"),
            received_ms=self.clock.now_ms(),
            run_id=run_id,
            host_call_id=host_call_id,
            idempotency_key=key,
        )

    async def write(self, call: Call, wanted: Wish | None = None) -> Acted:
        """Carry out a wish that needs nothing read first."""

        async def prepare(_: Reader) -> Wish:
            return wanted or wish()

        return await self.actions.perform(call, prepare)

    @property
    def record(self) -> Record:
        """Return the record of the last call."""
        return self.kept.records[-1]

    def _policy(self) -> Policy:
        """Return a policy that sends completions to the models and all else to the desks."""
        best = [(name, 0.5) for name in self.answers]
        desks = [(desk.name, 0.5) for desk in self.desks]
        rules: tuple[Rule, ...] = (
            rule("r-ask", "ask", when=Condition(tools=("route_completion",)), limits=self.limits),
            rule("r-desk", "helpdesk", limits=self.limits),
        )
        return policy(
            rules,
            (
                pool("ask", PoolStrategy.AS_LISTED, *best),
                pool("helpdesk", PoolStrategy.AS_LISTED, *desks, kind=TargetKind.DESK),
            ),
        )

    def _draw(self, size: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(size, "big")
