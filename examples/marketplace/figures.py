"""What a day comes to in numbers, all counted from what happened on it."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from examples.marketplace.assumptions import Outage
from examples.marketplace.hosts import CACHE, Served
from examples.marketplace.simulate import Played

MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run; shares from 0 to 1, `cost_usd` for 1,000 requests.

    The cost is what the providers billed: what the decision log says, and the answers that nobody
    waited for any more. `p95_s` is over all answers, kept ones included. `places` is the share of
    each pool and of the cache. `doubled` and `lost` compare the desk's tickets with the requests
    that wanted one.
    """

    policy: str
    requests: int
    cost_usd: float
    p50_s: float
    p95_s: float
    p99_s: float
    success: float
    cache_hits: float
    places: dict[str, float]
    failures: dict[str, int]
    attempts: float
    abandoned_usd: float
    actions: int
    doubled: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageFigures:
    """The requests that arrived while a provider was away.

    `sent` is how many requests it was sent all the same, `breaker_s` how long after the first of
    them a decision knew that a breaker of one of its models was open; None if none ever did.
    """

    provider: str
    minutes: float
    requests: int
    success: float
    p95_s: float
    sent: int
    breaker_s: float | None
    doubled: int


def figures_of(played: Played) -> Figures:
    """Return the figures of a run."""
    served = played.served
    places = Counter(one.place for one in served if one.place is not None)
    wanted = sum(one.acted for one in served)
    answers = [one.latency_s for one in served if one.place is not None]
    return Figures(
        policy=played.policy,
        requests=len(served),
        cost_usd=(played.recorded_microusd + played.abandoned_microusd) / len(served) / 1000,
        p50_s=quantile(answers, 0.5),
        p95_s=quantile(answers, 0.95),
        p99_s=quantile(answers, 0.99),
        success=_success(served),
        cache_hits=places[CACHE] / len(served),
        places={place: count / len(served) for place, count in places.most_common()},
        failures=dict(Counter(one.code for one in served if one.code is not None)),
        attempts=sum(one.attempts for one in served) / len(served),
        abandoned_usd=played.abandoned_microusd / MILLION,
        actions=wanted,
        doubled=_doubled(played),
        lost=wanted - len(played.tickets),
    )


def outage_of(played: Played, outage: Outage) -> OutageFigures:
    """Return the figures of the requests that arrived during the outage."""
    during = [one for one in played.served if outage.covers(one.at_s)]
    return OutageFigures(
        provider=outage.provider,
        minutes=outage.minutes,
        requests=len(during),
        success=_success(during),
        p95_s=quantile([one.latency_s for one in during if one.place is not None], 0.95),
        sent=played.met.get(outage.at, 0),
        breaker_s=played.breaker_s,
        doubled=_doubled(played),
    )


def quantile(values: Sequence[float], share: float) -> float:
    """Return the least value that at least this share of the values does not exceed.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5)
    2.0
    """
    if not values:
        return 0.0

    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def _doubled(played: Played) -> int:
    """Return how many tickets the desk holds that nobody asked for."""
    return sum(count - 1 for count in played.tickets.values())


def _success(served: Sequence[Served]) -> float:
    return sum(one.success for one in served) / len(served) if served else 0.0
