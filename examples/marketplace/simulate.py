"""Plays one day on virtual time: the real router as `open_app` wires it, and the whole world."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from random import Random

import anyio

from examples.marketplace.assumptions import MINUTE_S, Assumptions, Outage
from examples.marketplace.desk import HelpDesk, RoutedDesk
from examples.marketplace.hosts import Act, Host, Served, naive, routed
from examples.marketplace.workload import Request
from examples.marketplace.world import MODELS, PROVIDERS, World
from mcp_router.app import App, Instruments, open_app
from mcp_router.audit_settings import AuditSettings
from mcp_router.domain.decision import Decision
from mcp_router.domain.health import BreakerState
from mcp_router.domain.secret import Secret
from mcp_router.execute.chain import Gate, OpenGate
from mcp_router.execute.reconciler import Chore
from mcp_router.execute.targets import Desk
from mcp_router.ledger_settings import LedgerSettings
from mcp_router.providers.prices import PriceBook
from mcp_router.settings import Settings, ZendeskSettings
from mcp_router.storage.records import read_record
from mcp_router.storage.sqlite.inline import InlineDatabase
from mcp_router.testing.clock import NOON_MS
from mcp_router.testing.virtual_time import VirtualClock, VirtualHost, VirtualTimeLoop

MIDNIGHT_MS = NOON_MS - 36 * 3_600_000
"""When the day begins: a Friday."""

RECONCILE_EVERY_S = 30.0
_DESK = "zendesk"
_BEFORE = Path(__file__).with_name("before")


class Side(StrEnum):
    """The two runs."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a day came to: what the hosts saw, and the truth of the providers and of the desk.

    `recorded_microusd` is what the decision log says was spent, `abandoned_microusd` what the
    providers billed for answers that nobody waited for any more. `met` counts the requests that
    were sent to a provider during each of its outages. `breaker_s` is how long after the first of
    them a decision knew of an open breaker; None if none ever did.
    """

    policy: str
    served: tuple[Served, ...]
    recorded_microusd: int
    abandoned_microusd: int
    tickets: dict[str, int]
    fates: dict[str, dict[str, int]]
    met: dict[str, int]
    breaker_s: float | None


def play(
    side: Side,
    day: Iterable[Request],
    assumptions: Assumptions,
    *,
    seed: int,
    outage: Outage | None = None,
) -> Played:
    """Return what that day comes to; the same seed comes to the same."""
    random.seed(f"{seed}:router")  # what the router itself draws: the jitter of its pauses

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_play(side, day, assumptions, seed=seed, outage=outage))


async def _play(
    side: Side,
    day: Iterable[Request],
    assumptions: Assumptions,
    *,
    seed: int,
    outage: Outage | None,
) -> Played:
    clock = VirtualClock(asyncio.get_running_loop(), now_ms=MIDNIGHT_MS)
    world = World(assumptions, clock, seed=seed, outage=outage)
    desk = HelpDesk(assumptions.desk, assumptions.traffic.bursts, clock, Random(f"{seed}:desk"))
    instruments = Instruments(
        clock=clock,
        database=InlineDatabase,
        host=VirtualHost(clock),
        provider=world.provider,
        desk=lambda real: _exchanged(real, desk),
        gate=_no_gate if side is Side.BEFORE else _as_wired,
        chore=_rarely,
    )
    settings = _settings(side)

    async with open_app(settings, instruments=instruments) as app:
        act = _act(side, app, desk, assumptions, clock)
        host = Host(app.services, clock, assumptions.host, act)

        async with anyio.create_task_group() as tasks:
            for request in day:
                await clock.sleep(max(0.0, request.at_s - clock.monotonic_s()))
                tasks.start_soon(host.serve, request)

        prices = PriceBook(settings.providers, clock)
        models = {model.model: model for model in MODELS}
        abandoned = [
            prices.cost(models[model], usage) or 0
            for toll in world.tolls.values()
            for model, usage in toll.abandoned
        ]
        return Played(
            policy=str(await _first(app, "SELECT policy FROM decisions WHERE policy IS NOT NULL")),
            served=tuple(host.served),
            recorded_microusd=int(await _first(app, "SELECT SUM(cost_microusd) FROM decisions")),
            abandoned_microusd=sum(abandoned),
            tickets=dict(desk.tickets()),
            fates={
                name: {str(fate): count for fate, count in toll.fates.items()}
                for name, toll in world.tolls.items()
            },
            met=dict(sum((toll.met for toll in world.tolls.values()), Counter[str]())),
            breaker_s=await _breaker_s(app, world, outage) if outage else None,
        )


def _exchanged(real: Desk, desk: HelpDesk) -> Desk:
    """Return the help desk of this world in the place of the configured one."""
    return RoutedDesk(desk, real.name)


def _no_gate(gate: Gate) -> Gate:
    """Return no breaker: the host before has no router that would leave its model alone."""
    return OpenGate()


def _rarely(chore: Chore) -> Chore:
    """Return the chore less often: a process that is alone has nothing to learn from others."""
    return replace(chore, every_s=max(chore.every_s, RECONCILE_EVERY_S))


def _as_wired(gate: Gate) -> Gate:
    """Return the router's own breakers."""
    return gate


def _act(
    side: Side, app: App, desk: HelpDesk, assumptions: Assumptions, clock: VirtualClock
) -> Act:
    """Return how the host of that side acts."""
    if side is Side.BEFORE:
        return naive(desk, assumptions.host)

    return routed(app.services, clock, assumptions.host)


def _settings(side: Side) -> Settings:
    """Return what router.yaml would say; the policies after are the packaged ones."""
    return Settings(
        storage="sqlite:////nowhere",
        policy="support",
        # A key of its own in memory, for nothing of a simulated day is kept.
        audit=AuditSettings(key_file=Path("/nowhere"), key=Secret("00" * 32)),
        policies=_BEFORE if side is Side.BEFORE else None,
        providers=PROVIDERS,
        models=MODELS,
        desks=(
            ZendeskSettings(
                name=_DESK,
                email="copilot@marketplace.test",
                token=Secret("none: no request leaves this process"),
                base_url="https://marketplace.zendesk.com",
            ),
        ),
        ledger=LedgerSettings(reconcile_every_s=RECONCILE_EVERY_S),
    )


async def _breaker_s(app: App, world: World, outage: Outage) -> float | None:
    """Return the seconds from the first request into the outage to the first decision around it."""
    first_s = world.tolls[outage.provider].first_s.get(outage.at)

    if first_s is None:
        return None

    first_ms = MIDNIGHT_MS + round(first_s * 1000)
    last_ms = MIDNIGHT_MS + round((outage.starts_s + outage.minutes * MINUTE_S) * 1000)
    query = "SELECT seq, record FROM decisions WHERE at_ms BETWEEN ? AND ? ORDER BY at_ms"
    rows = await _database(app).read(
        lambda connection: connection.execute(query, (first_ms, last_ms)).fetchall()
    )
    records = (read_record(seq, text).record for seq, text in rows)
    told = (record.at_ms for record in records if _knows_open(record.decision, outage.provider))
    at_ms = next(told, None)
    return None if at_ms is None else (at_ms - first_ms) / 1000


def _knows_open(decision: Decision | None, provider: str) -> bool:
    """Tell whether a decision was made with a breaker of that provider open."""
    return decision is not None and any(
        fact.provider == provider and fact.health.breaker is BreakerState.OPEN
        for fact in decision.facts
    )


async def _first(app: App, query: str) -> str | int:
    """Return the first value that the decision log answers."""
    value = await _database(app).read(lambda connection: connection.execute(query).fetchone()[0])
    assert isinstance(value, str | int)
    return value


def _database(app: App) -> InlineDatabase:
    """Return what the router's tables are in."""
    database = app.store.database
    assert isinstance(database, InlineDatabase)
    return database
