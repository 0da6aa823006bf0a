"""Made-up days of completions, the same ones each time, for reports to sum up."""

import random
from collections.abc import Iterator

from mcp_router.domain.attempt import Attempt, Evidence, Purpose, Reason
from mcp_router.domain.glance import Glance, GlanceDecision, GlanceSignals
from mcp_router.domain.guardrails import CacheState, CacheUse
from mcp_router.domain.signals import Intent
from mcp_router.testing.clock import NOON_MS

DAY_MS = 86_400_000
INTENTS = ("refund_status", "password_reset", "cancel_order", "billing_question", None)


def attempt(
    target: str = "haiku",
    *,
    cost_microusd: int = 0,
    latency_ms: int = 10,
    purpose: Purpose = Purpose.ANSWER,
    reason: Reason = Reason.OK,
) -> Attempt:
    return Attempt(
        target=target,
        evidence=Evidence.APPLIED if reason is Reason.OK else Evidence.NOT_APPLIED,
        reason=reason,
        latency_ms=latency_ms,
        cost_microusd=cost_microusd,
        purpose=purpose,
    )


def completion(
    *attempts: Attempt,
    at_ms: int = NOON_MS,
    intent: str | None = "refund_status",
    policy: str = "support@1",
    tenant: str = "acme",
    outcome: str = "ok",
    error_code: str | None = None,
    cache: CacheState | None = None,
    ticket_id: str | None = None,
    customer_id: str | None = None,
    target: str | None = None,
    latency_ms: int | None = None,
) -> Glance:
    """Return a completion that was served by the target of its last attempt, or by `target`."""
    if target is None and attempts and outcome == "ok":
        target = attempts[-1].target

    return Glance(
        decision_id="dec_1",
        at_ms=at_ms,
        tenant=tenant,
        principal="copilot",
        tool="route_completion",
        outcome=outcome,
        latency_ms=sum(one.latency_ms for one in attempts) if latency_ms is None else latency_ms,
        ticket_id=ticket_id,
        customer_id=customer_id,
        decision=GlanceDecision(
            policy=policy,
            rule="routine",
            pool="cost",
            signals=GlanceSignals(intent=Intent(name=intent, confidence=0.9)),
        ),
        attempts=attempts,
        target=target,
        cost_microusd=sum(one.cost_microusd for one in attempts),
        error_code=error_code,
        cache=None if cache is None else CacheUse(state=cache, reason="because"),
    )


def days(calls: int = 20_000, number: int = 14) -> Iterator[Glance]:
    """Yield two weeks in which `support@2` takes over, and cheaper models with it."""
    chance = random.Random(7)

    for place in range(calls):
        when = place / calls
        hour = chance.betavariate(4, 3) * DAY_MS
        at_ms = NOON_MS - 12 * 3_600_000 + int(when * number) * DAY_MS + int(hour)
        yield _call(chance, at_ms, newer=when > 0.5 and chance.random() < 0.8)


def _call(chance: random.Random, at_ms: int, *, newer: bool) -> Glance:
    rank = min(int(chance.expovariate(0.7)), len(INTENTS) - 1)
    hard = rank in (2, 3)
    target = "sonnet" if hard and (not newer or chance.random() < 0.4) else "haiku"
    latency = int(chance.lognormvariate(6.6 if target == "haiku" else 7.3, 0.45))
    cost = int(chance.lognormvariate(6.2 if target == "haiku" else 8.3, 0.4))
    sends = [attempt(target, cost_microusd=cost, latency_ms=latency)]
    cache = CacheState.MISS if newer else CacheState.BYPASS

    if chance.random() < 0.03:
        sends.insert(0, attempt("gpt-mini", latency_ms=800, reason=Reason.TIMEOUT))

    if newer and hard and chance.random() < 0.25:
        sends.append(attempt("opus", cost_microusd=4_000, latency_ms=900, purpose=Purpose.ADVICE))
        sends.append(
            attempt(target, cost_microusd=cost, latency_ms=latency, purpose=Purpose.FINISH)
        )

    if newer and rank == 0 and chance.random() < 0.3:
        sends, cache = [], CacheState.HIT

    failed = chance.random() < (0.02 if newer else 0.035)
    customer = int(chance.paretovariate(0.9))
    return completion(
        *sends,
        at_ms=at_ms,
        intent=INTENTS[rank],
        policy="support@2" if newer else "support@1",
        tenant=chance.choice(("acme", "acme", "globex", "initech")),
        outcome="error" if failed else "ok",
        error_code=chance.choice(("targets_exhausted", "deadline_exceeded")) if failed else None,
        cache=cache,
        ticket_id=str(1000 + int(chance.paretovariate(0.6))),
        customer_id=f"cus-{customer % 5000}",
        target=None if failed else target,
        latency_ms=sum(one.latency_ms for one in sends) + 4,
    )
