"""What replaying a log through a policy has found: the evaluation report of its version."""

from dataclasses import dataclass

REFUSED = "(refused)"
"""Stands for the pool and the target of a call that nobody may serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A version that made decisions of the log, and how many of those that were replayed."""

    policy: str
    digest: str
    decisions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRange:
    """Which records were read, and the SHA-256 of their lines as `audit export` writes them."""

    first_seq: int
    last_seq: int
    first_at_ms: int
    last_at_ms: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many records there were, and what became of them.

    The first five add up: `records` is the sum of the four after it. The others are among
    `replayed`.
    """

    records: int
    replayed: int
    without_decision: int  # refused before any policy was asked, or a change of a policy
    of_other_policies: int
    not_replayable: int  # of a version that did not keep what was known of the targets
    moved: int  # another pool, another first target, or refused on one side only
    other_rule: int
    refused_before: int
    refused_after: int
    unknown_intent: int  # the recorded intent is none of the policy's
    same_document: int  # decided by this very document before
    same_decision: int  # of those: decided the same again, bit for bit


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How many decisions went to `before` in the log and go to `after` now."""

    before: str
    after: str
    decisions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CostFigures:
    """What completions cost, in micro-dollars.

    Estimates are those of the first candidates, for answers of full length. `actual_before` is what
    was paid; `actual_after` scales it, call by call, by how the estimate changes.
    """

    estimate_before: int
    estimate_after: int
    actual_before: int
    actual_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyFigures:
    """Means of the first candidates' latencies as the log knew them, in milliseconds.

    `decisions` is how many had a measured first candidate on both sides; without any, all is None.
    """

    decisions: int
    p50_before_ms: int | None
    p50_after_ms: int | None
    p95_before_ms: int | None
    p95_after_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFigures:
    """How many completions used the cache, found an answer in it, and may use it now."""

    completions: int
    used_before: int
    hits_before: int
    may_use_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OffPolicyFigures:
    """The share of answered calls, estimated without bias from the calls whose target was drawn.

    Each counts by how much likelier the policy is to choose its target than the log was; the
    weights are normalised. `effective` is how many calls without weights would say as much.
    """

    decisions: int
    effective: float
    success_before: float
    success_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What a policy would have changed; as JSON it is the version's evaluation report."""

    policy: str
    digest: str
    against: tuple[Against, ...]
    log: LogRange | None  # None where no record was read
    counts: Counts
    pools: tuple[Move, ...]
    targets: tuple[Move, ...]
    cost: CostFigures
    latency: LatencyFigures
    cache: CacheFigures
    off_policy: OffPolicyFigures | None  # None where the log has no draws
    unknown_targets: tuple[str, ...]  # of the policy's pools: the log knows nothing of them
