"""What may go wrong in one schedule, and how often: all of it follows from the seed."""

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from mcp_router.domain.action import Strategy

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS

LATEST_MS = 9 * MINUTE_MS
"""A request on its way arrives by then or never; `NATIVE_KEY_MS` and `SETTLE_MS` rest on ten."""

_SPANS = (2 * SECOND_MS, 40 * SECOND_MS, 15 * MINUTE_MS, 3 * HOUR_MS)
_STALLS = (200, 45 * SECOND_MS, 15 * MINUTE_MS, 3 * HOUR_MS)


class Fate(StrEnum):
    """What happens to one request with an effect on its way to a desk and back."""

    ANSWERED = "answered"
    ANSWER_LOST = "answer lost"
    LOST = "lost"
    LATE = "late"  # arrives after its sender has given up
    TWICE = "twice"  # something on the way delivers it again; one of the answers comes back
    ERROR = "error"  # a 5xx without an effect, after it, or of a gateway that it comes after
    BUSY = "busy"  # 429
    UNREACHED = "unreached"  # no connection
    REJECTED = "rejected"  # 422


FATES = tuple(Fate)
_CALM = (80, 4, 3, 4, 3, 2, 2, 1, 1)
_ROUGH = (20, 15, 12, 20, 10, 8, 8, 4, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The dice of one schedule; chances are of a single step, or of a single request."""

    strategies: tuple[Strategy, ...]  # of the desks, in the order in which they are tried
    processes: int
    calls: int
    sweeps: int
    keys: int
    span_ms: int
    fates: tuple[int, ...]
    crash: float
    stall: float
    stall_ms: int
    blur: float  # a commit that is on disk although the store says that it failed
    unreadable: float
    meddling: float  # somebody else changes the object around a request's arrival
    blind: bool  # a native key's desk does not find what it made, as where its mark was edited
    slow_ms: int  # the longest way of an ordinary request
    outages: int
    full_disk: bool  # an outage lets small last words through
    jumps: int
    deaths_show: bool  # the store sees that an owner's process has ended
    deadline_s: float
    people: int
    expires: bool


def weather_of(seed: int, strategy: Strategy | None) -> tuple[Weather, Random]:
    """Return the weather of a seed, for one strategy or any, and the dice that go on from it."""
    dice = Random(seed)
    pick, chance = dice.choice, dice.random
    first = pick(tuple(Strategy)) if strategy is None else strategy
    more = (pick(tuple(Strategy)),) if chance() < 0.15 else ()
    weather = Weather(
        strategies=(first, *more),
        processes=pick((1, 2, 2, 3)),
        calls=pick((1, 2, 2, 3, 3, 4)),
        sweeps=pick((0, 1, 2, 3)),
        keys=pick((1, 1, 1, 2)),
        span_ms=pick(_SPANS),
        fates=pick((_CALM, _ROUGH)),
        crash=pick((0.0, 0.0, 0.03, 0.1)),
        stall=pick((0.0, 0.0, 0.03, 0.08)),
        stall_ms=pick(_STALLS),
        blur=pick((0.0, 0.0, 0.05)),
        unreadable=pick((0.0, 0.1, 0.3)),
        meddling=pick((0.0, 0.1, 0.4)),
        blind=chance() < 0.2,
        slow_ms=pick((20, 400)),
        outages=pick((0, 0, 0, 1, 2)),
        full_disk=chance() < 0.5,
        jumps=pick((0, 0, 0, 1, 2)),
        deaths_show=chance() < 0.5,
        deadline_s=pick((2.0, 20.0, 20.0, 60.0)),
        people=pick((0, 0, 1, 3)),
        expires=chance() < 0.2,
    )
    return _focused(weather, chance()), dice


def _focused(weather: Weather, chance: float) -> Weather:
    """Return a weather that is bad in one respect rather than a little in all, now and then."""
    if chance < 0.15:  # processes that stand still while others decide
        return replace(weather, stall=0.12, stall_ms=weather.span_ms, crash=0.0, sweeps=3, people=3)

    if chance < 0.3:  # people who decide while the background is at work
        return replace(weather, span_ms=3 * HOUR_MS, fates=_ROUGH, calls=2, sweeps=6, people=12)

    if chance < 0.4:  # everybody at once
        return replace(weather, span_ms=500, calls=5, keys=1)

    return weather
