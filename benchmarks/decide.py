"""How long deciding takes: 50 rules, 20 targets, and every call another one.

    python -m benchmarks.decide [--rounds 9] [--calls 2000] [--json]

The policy has four pools of five targets, one of each strategy that weighs something, and every
rule falls back through all of them, so each decision ranks all 20. Its 40 rules on completions ask
for intents and other signals; ten more are those of desks. The calls go through 48 questions and
customers, one after the other; prices, windows, latencies and success are known of every target.
Each round runs a reference loop, `decide` alone, and signals with `decide`; figures are medians of
the rounds' p50 and p99. Time is that of the thread on its core: deciding waits for nothing, and
what other processes take meanwhile is not its own. Microseconds depend on the machine, ratios much
less. Nothing is asserted.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from time import thread_time_ns

from benchmarks.reference_loop import reference_loop
from mcp_router.decide.decide import decide
from mcp_router.domain.budget import Account, Balance, BudgetScope, SpendView
from mcp_router.domain.completion import CompletionRequest, Message, Role
from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.health import TargetHealth
from mcp_router.domain.policy import (
    Condition,
    Policy,
    PolicyIntent,
    Pool,
    PoolStrategy,
    PoolTarget,
    Requirements,
    Rule,
)
from mcp_router.domain.signals import Signals
from mcp_router.domain.target import Price, TargetFacts, TargetKind
from mcp_router.providers.tokens import estimate_tokens
from mcp_router.signals.collect import CallerFacts, collect
from mcp_router.signals.intent import IntentIndex

REFERENCE, DECIDE, WHOLE = "reference loop", "decide", "signals + decide"

_STRATEGIES = (
    PoolStrategy.COST_OPTIMIZED,
    PoolStrategy.BALANCED,
    PoolStrategy.LATENCY_OPTIMIZED,
    PoolStrategy.QUALITY_FIRST,
)
_TOPICS = (
    ("refund", "I want my money back for order", "the charge on my card is wrong"),
    ("password", "I forgot my password and cannot log in", "the reset link does not work"),
    ("shipping", "where is my parcel", "the delivery is late and tracking shows nothing"),
    ("invoice", "please send me the invoice of last month", "the tax number is missing"),
    ("cancel", "I want to cancel my subscription", "stop the renewal of my plan"),
    ("outage", "the app shows an error for everybody here", "your service is down again"),
    ("upgrade", "how do I change to the bigger plan", "what does the team plan cost"),
    ("privacy", "delete all of my personal data", "what do you store about me"),
)
_TIERS = ("free", "pro", "enterprise")
_LOCALES = ("en-GB", "de-AT", "fr")
_LIMITS = ChainLimits(
    deadline_s=30.0,
    attempt_timeout_s=12.0,
    attempts=4,
    budget_microusd=200_000,
    max_output_tokens=800,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one kind of work takes, in microseconds, and as a multiple of the reference loop."""

    name: str
    p50_us: float
    p99_us: float
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A figure that is worth reaching."""

    what: str
    reached_us: float
    aim_us: float
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call as it arrives."""

    request: CompletionRequest
    facts: CallerFacts


def policy() -> Policy:
    """Return the policy of 50 rules."""
    pools = tuple(
        Pool(
            name=f"pool-{strategy}",
            kind=TargetKind.MODEL,
            goal="cost",
            strategy=strategy,
            targets=tuple(
                PoolTarget(target=f"model-{at}", quality=0.5 + at / 50)
                for at in range(5 * place, 5 * place + 5)
            ),
        )
        for place, strategy in enumerate(_STRATEGIES)
    )
    desks = Pool(
        name="helpdesk",
        kind=TargetKind.DESK,
        goal="stability",
        strategy=PoolStrategy.AS_LISTED,
        targets=(PoolTarget(target="zendesk"),),
    )
    return Policy(
        name="benchmark",
        version=1,
        owner="benchmarks",
        description="",
        changes="First version.",
        digest="benchmark",
        intents=tuple(PolicyIntent(name=name, examples=tuple(said)) for name, *said in _TOPICS),
        pools=(*pools, desks),
        rules=(*_desk_rules(), *_model_rules([pool.name for pool in pools])),
    )


def _desk_rules() -> list[Rule]:
    return [
        Rule(
            id=f"desk-{at}",
            why="Tickets live at the desk.",
            when=Condition(tools=(f"desk_tool_{at}",)),
            pool="helpdesk",
            limits=_LIMITS,
        )
        for at in range(10)
    ]


def _model_rules(pools: list[str]) -> list[Rule]:
    """Return five rules for each intent, from the narrowest to the one that takes all of it."""
    rules: list[Rule] = []

    for at, (intent, *_) in enumerate(_TOPICS):
        order = pools[at % 4 :] + pools[: at % 4]
        conditions = (
            Condition(intents=(intent,), customer_tiers=("vip",), min_confidence=0.9),
            Condition(intents=(intent,), safety_flags=("threat",), max_turns=3),
            Condition(intents=(intent,), customer_tiers=("pro",), locales=("de",)),
            Condition(intents=(intent,), min_prompt_tokens=4_000, channels=("voice",)),
            Condition(tools=("route_completion",), intents=() if at == 7 else (intent,)),
        )
        rules += [
            Rule(
                id=f"{intent}-{place}",
                why="It is a benchmark.",
                when=condition,
                pool=order[0],
                fallback=tuple(order[1:]),
                limits=_LIMITS,
                requires=Requirements(min_quality=0.4, max_p95_ms=9_000),
            )
            for place, condition in enumerate(conditions)
        ]

    return rules


def targets() -> dict[str, TargetFacts]:
    """Return what is known of the 20 models."""
    return {
        f"model-{at}": TargetFacts(
            name=f"model-{at}",
            kind=TargetKind.MODEL,
            provider=f"provider-{at % 3}",
            family=f"family-{at % 7}",
            price=Price(input=50_000 * (at + 1), output=200_000 * (at + 1)),
            context_tokens=128_000,
            residency="eu",
            retention_days=30,
            health=TargetHealth(
                attempts=200 + at,
                success=0.999 - at / 500,
                passed=0.97,
                p50_ms=300 + 40 * at,
                p95_ms=700 + 90 * at,
                cost_microusd=400 * (at + 1),
            ),
        )
        for at in range(20)
    }


def spend() -> SpendView:
    """Return accounts with enough left for every target."""
    return SpendView(
        balances=(
            Balance(account=Account(scope=BudgetScope.TICKET, key="4711"), spent_microusd=900),
            Balance(
                account=Account(
                    scope=BudgetScope.TENANT, key="2026-11", limit_microusd=900_000_000
                ),
                spent_microusd=120_000_000,
                held_microusd=4_000,
            ),
        )
    )


def questions() -> tuple[Question, ...]:
    """Return 48 calls: every topic in two wordings, in three to five sentences of a customer."""
    found: list[Question] = []

    for place, (_, *said) in enumerate(_TOPICS):
        for wording, text in enumerate(said):
            for at, (tier, locale) in enumerate(zip(_TIERS, _LOCALES, strict=True)):
                told = f"Hello, {text}. " + "It has been so for days now. " * (1 + at)
                context = "You answer customers of a shop. " * (1 + 5 * place + at)
                request = CompletionRequest(
                    messages=(
                        Message(role=Role.SYSTEM, content=context),
                        Message(role=Role.USER, content=told),
                    ),
                    max_output_tokens=400 + 100 * wording,
                )
                facts = CallerFacts(customer_tier=tier, locale=locale, channel="email")
                found.append(Question(request=request, facts=facts))

    return tuple(found)


def work() -> dict[str, Callable[[], object]]:
    """Return what is measured, by name; every call of one takes the next question."""
    document, known, balances = policy(), targets(), spend()
    intents = IntentIndex.of(document.intents)

    def signals(question: Question) -> Signals:
        return collect(
            tool="route_completion",
            tenant="acme",
            request=question.request,
            facts=question.facts,
            prompt_tokens=estimate_tokens(question.request),
            intents=intents,
        )

    asked = questions()
    collected = cycle([signals(one) for one in asked])
    arriving = cycle(asked)
    return {
        REFERENCE: reference_loop,
        DECIDE: lambda: decide(document, next(collected), known, balances),
        WHOLE: lambda: decide(document, signals(next(arriving)), known, balances),
    }


def measure(rounds: int, calls: int) -> tuple[Figure, ...]:
    """Return the figures: a slice of every kind in turn, so that a slow moment slows them all."""
    things = work()
    p50s: dict[str, list[float]] = {name: [] for name in things}
    p99s: dict[str, list[float]] = {name: [] for name in things}

    for thing in things.values():
        _times_us(thing, min(calls, 200))  # caches fill, the interpreter specialises

    for _ in range(rounds):
        for name, thing in things.items():
            times_us = sorted(_times_us(thing, calls))
            p50s[name].append(times_us[len(times_us) // 2])
            p99s[name].append(times_us[len(times_us) * 99 // 100])

    base = statistics.median(p50s[REFERENCE])
    return tuple(
        Figure(
            name=name,
            p50_us=round(statistics.median(p50s[name]), 1),
            p99_us=round(statistics.median(p99s[name]), 1),
            ratio=round(statistics.median(p50s[name]) / base, 3),
        )
        for name in things
    )


def _times_us(thing: Callable[[], object], calls: int) -> list[float]:
    """Return how long each call took, without the time in which others had the core."""
    found: list[float] = []

    for _ in range(calls):
        started = thread_time_ns()
        thing()
        found.append((thread_time_ns() - started) / 1_000)

    return found


def aims(figures: Sequence[Figure]) -> tuple[Aim, ...]:
    """Return the aims, and whether they were met here."""
    by_name = {one.name: one for one in figures}
    asked = (
        ("decide, p50", by_name[DECIDE].p50_us, 50.0),
        ("decide, p99", by_name[DECIDE].p99_us, 250.0),
        ("signals + decide, p50", by_name[WHOLE].p50_us, 300.0),
    )
    return tuple(
        Aim(what=what, reached_us=reached, aim_us=aim, met=reached <= aim)
        for what, reached, aim in asked
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=2_000, help="of each kind in a round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rounds, options.calls)
    reached = aims(figures)

    if options.json:
        print(
            json.dumps(
                {"figures": [asdict(one) for one in figures], "aims": [asdict(a) for a in reached]}
            )
        )
        return

    print(f"{'':18} {'p50 us':>9} {'p99 us':>9} {'p50 / reference':>16}")

    for one in figures:
        print(f"{one.name:18} {one.p50_us:9.1f} {one.p99_us:9.1f} {one.ratio:16.3f}")

    for aim in reached:
        word = "met" if aim.met else "missed"
        print(f"{aim.what:24} {aim.reached_us:8.1f} us, aim {aim.aim_us:g}: {word}")


if __name__ == "__main__":
    main()
