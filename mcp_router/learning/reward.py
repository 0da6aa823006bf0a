"""What an outcome is worth: pure arithmetic, from a record or from what a host reports.

A target that served a call is worth, from 0 to 1,

    0                                                    if it gave no answer, else
    0.6 x checks + 0.2 x speed + 0.2 x thrift

where `checks` is 1 if the answer passed the policy's format checks and 0 if not, `speed` is what
was left of the rule's time for one attempt, and `thrift` what was left of the rule's budget, both
as shares from 0 to 1. So an answer that a customer may see is worth 0.6 at least, and one that
they may not 0.4 at most. A target that was asked several times in one call is worth the average.
"""

from mcp_router.domain.attempt import Attempt, Purpose, Reason
from mcp_router.domain.decision import ChainLimits, Decision
from mcp_router.domain.learning import Lesson, LessonKind, OutcomeReport
from mcp_router.domain.record import Record

CHECKS, SPEED, THRIFT = 0.6, 0.2, 0.2

FEEDBACK_WEIGHT = 5.0
"""How much a word about an outcome counts beside an answer: it is rare, and it is the truth."""

# These say nothing about how well a target answers: nothing was sent, somebody else ended it, or
# it would have met any other call of these credentials, or this call at any other target, as well.
_SILENT = frozenset(
    {
        Reason.OVER_BUDGET,
        Reason.BREAKER_OPEN,
        Reason.CANCELLED,
        Reason.UNAUTHORIZED,
        Reason.REJECTED,
    }
)
_ANSWERED = frozenset({Reason.OK, Reason.CHECKS_FAILED})


def reward(attempt: Attempt, limits: ChainLimits) -> float:
    """Return what one attempt was worth, from 0 to 1, as the module says.

    >>> from mcp_router.domain.attempt import Evidence
    >>> limits = ChainLimits(
    ...     deadline_s=30, attempt_timeout_s=10, attempts=3, budget_microusd=2_000,
    ...     max_output_tokens=100,
    ... )
    >>> good = Attempt(
    ...     target="a", evidence=Evidence.APPLIED, reason=Reason.OK, latency_ms=2_500,
    ...     cost_microusd=1_000,
    ... )
    >>> round(reward(good, limits), 6)
    0.85
    """
    if attempt.reason not in _ANSWERED:
        return 0.0

    checks = 0.0 if attempt.failed_checks or attempt.reason is Reason.CHECKS_FAILED else 1.0
    speed = _left(attempt.latency_ms, limits.attempt_timeout_s * 1000)
    thrift = _left(attempt.cost_microusd, limits.budget_microusd)
    return CHECKS * checks + SPEED * speed + THRIFT * thrift


def lessons_of(record: Record) -> tuple[Lesson, ...]:
    """Return what a completion teaches about each target that was asked for its answer.

    Nothing where the policy learns nothing, and nothing from advice: it is no answer.
    """
    decision = record.decision

    if decision is None or not learns(decision):
        return ()

    worth: dict[str, list[float]] = {}

    for one in record.attempts:
        if one.purpose is not Purpose.ADVICE and one.reason not in _SILENT:
            worth.setdefault(one.target, []).append(reward(one, decision.limits))

    return tuple(
        _lesson(record, decision, target, LessonKind.SERVED, sum(found) / len(found))
        for target, found in worth.items()
    )


def lessons_from(record: Record, report: OutcomeReport) -> tuple[Lesson, ...]:
    """Return what a host's report teaches about the target that served the customer.

    `resolved` and `reopened` are worth all or nothing, a rating from 1 to 5 its share; each of
    them counts as much as `FEEDBACK_WEIGHT` answers.
    """
    decision, target = record.decision, record.target
    assert decision is not None, "a report is about a decision"
    assert target is not None, "a report is about an answer"
    found: list[tuple[LessonKind, float]] = []

    if report.resolved is not None:
        found.append((LessonKind.RESOLVED, float(report.resolved)))

    if report.reopened is not None:
        found.append((LessonKind.REOPENED, float(not report.reopened)))

    if report.csat is not None:
        found.append((LessonKind.CSAT, (report.csat - 1) / 4))

    return tuple(
        _lesson(record, decision, target, kind, worth, FEEDBACK_WEIGHT) for kind, worth in found
    )


def learns(decision: Decision) -> bool:
    """Return whether the policy learned from outcomes when it decided: it knew its estimates."""
    return any(one.estimate is not None for one in decision.facts)


def policy_of(decision: Decision) -> str:
    """Return the policy's name without its version."""
    return decision.policy.partition("@")[0]


def _lesson(
    record: Record,
    decision: Decision,
    target: str,
    kind: LessonKind,
    worth: float,
    weight: float = 1.0,
) -> Lesson:
    return Lesson(
        decision_id=record.decision_id,
        policy=policy_of(decision),
        intent=decision.signals.intent.name,
        target=target,
        kind=kind,
        reward=worth,
        weight=weight,
    )


def _left(used: float, most: float) -> float:
    """Return the share that is left of `most`; nothing where there was nothing."""
    return max(0.0, 1.0 - used / most) if most > 0 else 0.0
