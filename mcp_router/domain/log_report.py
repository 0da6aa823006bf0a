"""A decision log in numbers: what answers cost, how fast and how good they were."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Calls that have something in common, in numbers; no name where nothing is known.

    `succeeded` counts answers, and of writes those that were applied. The cost is that of all calls
    and the cost per 1,000 is per 1,000 that succeeded, so that what failures cost is in it; the
    latencies are of those that succeeded. Rates are from 0 to 1, None where nothing can be said:
    `fallback_rate` of calls that another target served than the first that was tried, `cache_rate`
    of calls that looked into the cache and were answered from it.
    """

    name: str | None
    calls: int
    succeeded: int
    escalated: int
    cost_usd: float
    cost_per_1000_usd: float | None
    success_rate: float | None
    p50_ms: int | None
    p95_ms: int | None
    fallback_rate: float | None
    cache_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of the way to an answer: how often it was gone, and what it came to.

    `cost_per_1000_usd` is per 1,000 answered calls of all, so that the stages add up.
    """

    name: str
    times: int
    cost_usd: float
    cost_per_1000_usd: float | None
    share: float | None  # of all cost
    p50_ms: int | None
    p95_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spender:
    """A ticket or a customer, and what its calls cost.

    `missed_usd` is what at most is missing, where there were too many to be kept in mind at once.
    """

    tenant: str
    name: str
    calls: int
    succeeded: int
    cost_usd: float
    cost_per_1000_usd: float | None
    missed_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The completions of a stretch of time that began at `at_ms`."""

    at_ms: int
    calls: int
    failed: int
    cost_usd: float
    p50_ms: int | None
    p95_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentChange:
    """One intent before and after; None where a version had no call of it."""

    intent: str | None
    before: Group | None
    after: Group | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two versions of a policy on the calls that each of them decided."""

    before: Group
    after: Group
    intents: tuple[IntentChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCount:
    """How often calls ended with an error code."""

    code: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """Everything; groups with the highest cost first.

    `completions` and all groups but `tools` are of completions. `changes` counts changes of
    policies, which are no calls. `span_ms` is how long each of `spans` is.
    """

    first_ms: int | None
    last_ms: int | None
    calls: int
    changes: int
    completions: Group
    intents: tuple[Group, ...]
    tenants: tuple[Group, ...]
    policies: tuple[Group, ...]
    targets: tuple[Group, ...]
    tools: tuple[Group, ...]
    stages: tuple[Stage, ...]
    tickets: tuple[Spender, ...]
    customers: tuple[Spender, ...]
    errors: tuple[ErrorCount, ...]
    span_ms: int
    spans: tuple[Span, ...]
    comparison: Comparison | None
