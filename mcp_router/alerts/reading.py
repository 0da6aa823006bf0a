"""What a record says that an operator may want to be told; nothing is remembered between two."""

from dataclasses import dataclass

from mcp_router.domain.action import Action
from mcp_router.domain.alert import Alert, AlertKind, DayCounts, Fact, FactValue, alert_id, fact
from mcp_router.domain.attempt import Attempt, Purpose, Reason
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import PolicyEvent

ERROR = "error"
UNKNOWN = "outcome_unknown"
BUDGET = "budget_exceeded"
SUCCEEDED = frozenset({"ok", "succeeded", "replayed", "dry_run"})
ANSWERED = frozenset({"ok", "incomplete", "escalated", "succeeded"})
"""Outcomes of calls that a target of theirs has served."""

FAILURES = frozenset(
    {
        Reason.REFUSED,
        Reason.TIMEOUT,
        Reason.RESET,
        Reason.RATE_LIMITED,
        Reason.UNAUTHORIZED,
        Reason.QUOTA,
        Reason.SERVER_ERROR,
        Reason.GARBLED,
        Reason.REDIRECTED,
        Reason.INCOMPLETE,
    }
)
"""How an attempt ends by its target's fault, not by what was asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A record, and what several questions about it need.

    `answers` are the attempts that were for the answer, at targets that the decision has ranked.
    `wanted` is the first of these targets, where one was tried and the call was answered;
    `fell_back` says that another one had to answer, or was asked as well.
    """

    record: Record
    answers: tuple[Attempt, ...] = ()
    wanted: str | None = None
    fell_back: bool = False


def read(record: Record) -> Reading:
    """Return the record as it is looked at here."""
    decision = record.decision

    if decision is None or not record.attempts:
        return Reading(record=record)

    ranked = [one.target for one in decision.candidates]
    answers = tuple(
        one for one in record.attempts if one.purpose is Purpose.ANSWER and one.target in ranked
    )

    if not answers or record.outcome not in ANSWERED:
        return Reading(record=record, answers=answers)

    elsewhere = record.target not in (None, ranked[0])
    fell_back = elsewhere or any(one.target != answers[0].target for one in answers)
    return Reading(record=record, answers=answers, wanted=ranked[0], fell_back=fell_back)


def facts_of(*named: tuple[str, FactValue | None]) -> tuple[Fact, ...]:
    """Return those that are known, in order.

    >>> facts_of(("target", "gpt-5-mini"), ("tenant", None))
    (Fact(name='target', value='gpt-5-mini'),)
    """
    return tuple(fact(name, value) for name, value in named if value is not None)


def fallback(reading: Reading) -> Alert | None:
    """Return the alert that another target than the first one had to answer."""
    record, wanted = reading.record, reading.wanted

    if not reading.fell_back or wanted is None or record.decision is None:
        return None

    failed = next((one for one in reading.answers if one.target == wanted), None)
    return _alert(
        record,
        AlertKind.FALLBACK_TRIGGERED,
        wanted,
        facts_of(
            ("target", wanted),
            ("answered_by", record.target),
            ("reason", failed.reason.value if failed else None),
            ("pool", record.decision.pool),
            ("policy", record.decision.policy),
            ("decision_id", record.decision_id),
        ),
    )


def over_budget(record: Record) -> Alert | None:
    """Return the alert that a budget has refused the call."""
    if record.error_code != BUDGET:
        return None

    limited = [one for one in record.budgets if one.left_microusd is not None]
    tightest = min(limited, key=lambda one: one.left_microusd or 0, default=None)
    return _alert(
        record,
        AlertKind.BUDGET_EXCEEDED,
        "",
        facts_of(
            ("tool", record.tool),
            ("scope", tightest.account.scope.value if tightest else None),
            ("limit_microusd", tightest.account.limit_microusd if tightest else None),
            ("spent_microusd", tightest.spent_microusd if tightest else None),
            ("decision_id", record.decision_id),
        ),
        tenant=record.tenant,
    )


def unknown_action(record: Record) -> Alert | None:
    """Return the alert that nobody knows whether a write was applied."""
    if not is_unknown(record):
        return None

    return _alert(
        record,
        AlertKind.ACTION_UNKNOWN,
        record.target or "",
        facts_of(
            ("target", record.target),
            ("tool", record.tool),
            ("action_id", record.action_id),
            ("decision_id", record.decision_id),
        ),
        tenant=record.tenant,
    )


def lost_action(action: Action, now_ms: int) -> Alert:
    """Return the alert that nobody knows whether a write was applied, which left no record."""
    kind = AlertKind.ACTION_UNKNOWN
    return Alert(
        alert_id=alert_id(kind, action.action_id),
        kind=kind,
        key=_key(kind, action.tenant, action.target),
        at_ms=now_ms,
        tenant=action.tenant,
        facts=facts_of(
            ("target", action.target), ("tool", action.tool), ("action_id", action.action_id)
        ),
    )


def is_unknown(record: Record) -> bool:
    """Return whether nobody knows if the call's write was applied."""
    return UNKNOWN in (record.outcome, record.error_code)


def policy_change(record: Record, event: PolicyEvent) -> Alert:
    """Return the alert that a policy has changed; why it did stays in the decision log."""
    return _alert(
        record,
        AlertKind.POLICY_CHANGED,
        f"{event.policy} {event.change.value}",
        facts_of(
            ("change", event.change.value),
            ("policy", event.policy),
            ("before", event.before),
            ("percent", event.percent),
            ("who", event.who),
            ("decision_id", record.decision_id),
        ),
    )


def counts_of(reading: Reading) -> DayCounts:
    """Return what the call adds to its day."""
    record = reading.record
    return DayCounts(
        calls=1,
        succeeded=int(record.outcome in SUCCEEDED),
        cost_microusd=record.cost_microusd,
        fallbacks=int(reading.fell_back),
        budget_refusals=int(record.error_code == BUDGET),
        unknown_actions=int(is_unknown(record)),
    )


def _alert(
    record: Record,
    kind: AlertKind,
    subject: str,
    facts: tuple[Fact, ...],
    *,
    tenant: str | None = None,
) -> Alert:
    """Return the alert about a record: the same one, however often the record is read."""
    return Alert(
        alert_id=alert_id(kind, record.decision_id),
        kind=kind,
        key=_key(kind, tenant, subject),
        at_ms=record.at_ms + record.latency_ms,
        tenant=tenant,
        facts=facts,
    )


def _key(kind: AlertKind, tenant: str | None, subject: str) -> str:
    """Return what alerts about the same thing have in common."""
    return " ".join(part for part in (kind.value, tenant, subject) if part)
