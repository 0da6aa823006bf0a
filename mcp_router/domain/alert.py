"""What an operator is told without having asked, and how far the telling has come."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

WITHHELD = "(withheld)"
"""What stands in an alert for a text that is not one plain word."""

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@/+%-]{0,127}")

FactValue: TypeAlias = str | int | float


class AlertKind(StrEnum):
    """What has happened; a sink chooses among these."""

    FALLBACK_TRIGGERED = "router.fallback_triggered"  # another target than the first had to answer
    BUDGET_EXCEEDED = "router.budget_exceeded"  # a budget refused a call
    ERROR_BURST = "router.error_burst"  # many failures of one target or tenant at once
    POLICY_CHANGED = "router.policy_changed"  # released, rolled out, promoted or rolled back
    DRIFT_DETECTED = "router.drift_detected"  # a target has become slower, dearer or less reliable
    ACTION_UNKNOWN = "action.unknown"  # nobody knows whether a write was applied
    VERIFICATION_FAILED = "audit.verification_failed"  # the decision log is not what it was
    DAILY_DIGEST = "router.daily_digest"  # what the last day came to


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that an alert says: a number, or one word such as a name or a code."""

    name: str
    value: FactValue


def fact(name: str, value: FactValue) -> Fact:
    """Return the fact; a text with a space or a line break in it is withheld.

    What customers write is sentences: none of it can pass, wherever the text came from.

    >>> fact("target", "gpt-5-mini").value
    'gpt-5-mini'
    >>> fact("target", "My card is gone").value
    '(withheld)'
    """
    is_plain = not isinstance(value, str) or _WORD.fullmatch(value)
    return Fact(name=name, value=value if is_plain else WITHHELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to tell; of those with the same `key`, one in five minutes is told.

    `alert_id` is the same wherever and however often it is sent. `count` says how many of its key
    have happened since the last one that was told, this one included; `also` names the newest of
    the others, as far as they are known.
    """

    alert_id: str
    kind: AlertKind
    key: str
    at_ms: int
    tenant: str | None = None
    facts: tuple[Fact, ...] = ()
    count: int = 1
    also: tuple[str, ...] = ()


def alert_id(kind: AlertKind, *parts: str) -> str:
    """Return the id of the alert that is about these: the same at every replica, every time.

    >>> alert_id(AlertKind.POLICY_CHANGED, "evt_1")
    'alr_62aa22a161720e9bf8c81698'
    """
    whole = "\0".join((kind.value, *parts))
    return f"alr_{hashlib.sha256(whole.encode('utf-8', 'replace')).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How a key stands: when it was told last, by the store's clock, and what waits since.

    `ids` are the newest alerts that it has counted, so that the same one does not count twice.
    """

    key: str
    told_ms: int
    ids: tuple[str, ...]
    waiting: Alert | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A key after an alert, or after some time: how it stands, and what is to be told now."""

    window: Window
    told: Alert | None = None


Judge: TypeAlias = Callable[[Window | None, Alert | None, int], Judged]
"""Decides by how a key stands, a new alert (None: time has passed) and the store's time in ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """How a store takes alerts in: who decides, which windows are over, and who is told what."""

    judge: Judge
    window_ms: int
    routes: Mapping[AlertKind, tuple[str, ...]]  # the names of the sinks


class DeliveryState(StrEnum):
    """How far an alert has come on its way to one sink."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An alert that one process has claimed for one sink, for as long as its lease runs.

    `attempts` counts this one, and tells claims apart; `age_ms` is how long it has been waiting.
    """

    alert: Alert
    sink: str
    attempts: int
    age_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedSink:
    """A sink that has said it is gone for good; `mark` tells its address from a later one."""

    sink: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCounts:
    """What the calls of a day have come to, in one process or in all."""

    calls: int = 0
    succeeded: int = 0
    cost_microusd: int = 0
    fallbacks: int = 0
    budget_refusals: int = 0
    unknown_actions: int = 0
    policy_changes: int = 0

    def __add__(self, other: "DayCounts") -> "DayCounts":
        """Return both together."""
        return DayCounts(
            calls=self.calls + other.calls,
            succeeded=self.succeeded + other.succeeded,
            cost_microusd=self.cost_microusd + other.cost_microusd,
            fallbacks=self.fallbacks + other.fallbacks,
            budget_refusals=self.budget_refusals + other.budget_refusals,
            unknown_actions=self.unknown_actions + other.unknown_actions,
            policy_changes=self.policy_changes + other.policy_changes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDay:
    """What one process has counted of a day; days are numbered from their hour on, in UTC."""

    day: int
    process: str
    counts: DayCounts
