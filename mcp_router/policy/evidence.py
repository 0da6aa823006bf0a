"""Whether a candidate has broken a guard: a test that may be looked at after every call.

A fixed-sample test that is peeked at rejects sooner or later whatever is true. These do not: over
all looks together, a candidate that keeps its guards is rolled back with a probability of at most
`ALPHA`, of which each guard has an equal part.

`success` and `p95` are shares. With `q0` the share of bad calls that the guard allows, the
likelihood ratio of a higher share `q` against `q0` is a supermartingale as long as each next call
is bad with a probability of at most `q0`; so is a mixture over many `q`, and by Ville's inequality
it ever reaches `1/alpha` with a probability of at most `alpha` (Ramdas et al., "Game-theoretic
statistics and safe anytime-valid inference", 2023). Exact for any number of calls.

`cost` compares means. Each arm has the asymptotic confidence sequence of Waudby-Smith et al.,
"Time-uniform central limit theory and asymptotic confidence sequences" (Annals of Statistics 52,
2024, theorem 2.2), and the guard is broken when they no longer touch. Being asymptotic, it says
nothing before `LEAST_COSTS` calls of each arm.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import assert_never

from mcp_router.domain.rollout import ArmTally, Guard, Metric

ALPHA = 0.01
"""How probable it is, at most, that a candidate which keeps its guards is rolled back."""

SLOW_SHARE = 0.05
"""How many calls may be slower than a bound on p95, by its meaning."""

LEAST_CALLS = 10
"""How many calls of the candidate any guard needs: one bad moment is not yet the policy's."""

LEAST_COSTS = 200
"""How many calls of each arm a comparison of costs needs."""

_ALTERNATIVES = 24
_WORST = 0.999
_TIGHTEST_AT = 1000  # the number of calls for which the bounds on a mean are made narrowest


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A guard that is broken beyond doubt, and what was seen, in words."""

    guard: Guard
    told: str


def breach(guards: tuple[Guard, ...], stable: ArmTally, candidate: ArmTally) -> Breach | None:
    """Return the first guard that the candidate has broken with enough evidence, or None."""
    if candidate.calls < LEAST_CALLS:
        return None

    for guard in guards:
        told = _evidence(guard, stable, candidate, ALPHA / len(guards))

        if told is not None:
            return Breach(guard=guard, told=told)

    return None


def log_evidence(calls: int, bad: int, allowed: float) -> float:
    """Return the logarithm of the e-value against "at most `allowed` of the calls are bad".

    >>> log_evidence(0, 0, 0.05)
    0.0
    """
    good = calls - bad
    ratios = [bad * of_bad + good * of_good for of_bad, of_good in _ratios(allowed)]
    highest = max(ratios)
    return highest + math.log(sum(math.exp(one - highest) for one in ratios) / len(ratios))


def margin(calls: int, deviation: float, alpha: float) -> float:
    """Return how far the mean of so many calls may be from the true one, at any time."""
    rho2 = _rho2(alpha)
    width = calls * rho2 + 1
    return deviation * math.sqrt(
        2 * width * math.log(math.sqrt(width) / alpha) / (calls * calls * rho2)
    )


def _evidence(guard: Guard, stable: ArmTally, candidate: ArmTally, alpha: float) -> str | None:
    """Return what proves the guard broken, or None where nothing does."""
    match guard.metric:
        case Metric.SUCCESS:
            bad = candidate.calls - candidate.ok
            log_e = log_evidence(candidate.calls, bad, 1 - guard.bound)
            told = f"{bad} of {candidate.calls} calls failed"
        case Metric.P95:
            log_e = log_evidence(candidate.calls, candidate.slow, SLOW_SHARE)
            told = f"{candidate.slow} of {candidate.calls} calls took more than {guard.bound:g} s"
        case Metric.COST:
            return _cost_evidence(guard, stable, candidate, alpha)
        case _:
            assert_never(guard.metric)

    # In logarithms: the evidence of a long failure is no number that a float can hold.
    needed = math.log(1 / alpha)
    return (
        f"{told} (evidence {_power(log_e)}, {1 / alpha:.0f} suffices)" if log_e >= needed else None
    )


def _cost_evidence(guard: Guard, stable: ArmTally, candidate: ArmTally, alpha: float) -> str | None:
    """Return what proves the candidate too expensive, half of `alpha` for each arm's mean."""
    if min(stable.calls, candidate.calls) < LEAST_COSTS:
        return None

    before, now = _mean(stable), _mean(candidate)
    highest = before + margin(stable.calls, _deviation(stable), alpha / 2)
    lowest = now - margin(candidate.calls, _deviation(candidate), alpha / 2)

    if lowest <= (1 + guard.bound) * highest:
        return None

    rise = f"{100 * (now / before - 1):+.1f} %" if before else "from nothing"
    return (
        f"a call costs {now:.0f} instead of {before:.0f} micro-dollars ({rise}), "
        f"over {candidate.calls} and {stable.calls} calls"
    )


@cache
def _ratios(allowed: float) -> tuple[tuple[float, float], ...]:
    """Return, for each higher share, what a bad and a good call add to its likelihood ratio.

    The shares lie between `allowed` and nearly 1, at equal distances of their logarithms: as
    many for a share that is a little too high as for one that is far too high. Every one is
    higher, also where nearly all calls may be bad: a lower one would count good calls as evidence.
    """
    worst = max(_WORST, (1 + allowed) / 2)
    step = (math.log(worst) - math.log(allowed)) / _ALTERNATIVES
    shares = [allowed * math.exp(step * place) for place in range(1, _ALTERNATIVES + 1)]
    return tuple((math.log(one / allowed), math.log((1 - one) / (1 - allowed))) for one in shares)


@cache
def _rho2(alpha: float) -> float:
    """Return the parameter that makes `margin` narrowest after `_TIGHTEST_AT` calls."""
    doubled = -2 * math.log(alpha)
    return (doubled + math.log(doubled) + 1) / _TIGHTEST_AT


def _mean(tally: ArmTally) -> float:
    return tally.cost_microusd / tally.calls


def _deviation(tally: ArmTally) -> float:
    """Return the standard deviation of a call's cost; the sums are exact, hence no rounding."""
    squared = tally.calls * tally.cost_squares - tally.cost_microusd**2
    return math.sqrt(max(0, squared)) / tally.calls


def _power(log_e: float) -> str:
    """Return an e-value as people read it."""
    return f"{math.exp(log_e):.0f}" if log_e < math.log(1e6) else "over a million"
