"""Which version of a policy serves whom, and every change of that."""

from dataclasses import dataclass
from enum import StrEnum


class Arm(StrEnum):
    """The two versions that a rollout compares."""

    STABLE = "stable"
    CANDIDATE = "candidate"


class Bucket(StrEnum):
    """What stays in its arm as a whole."""

    CUSTOMER = "customer"
    TICKET = "ticket"
    TENANT = "tenant"


class Metric(StrEnum):
    """What a guard watches in the candidate's arm."""

    SUCCESS = "success"  # share of calls that were answered
    P95 = "p95"  # seconds that 95 of 100 calls stay within
    COST = "cost"  # mean cost of a call, against the stable arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A bound that the candidate must keep: a share, seconds, or a relative rise such as 0.05."""

    metric: Metric
    bound: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A candidate that serves `percent` of what `by` names; `salt` draws who that is."""

    version: int
    percent: float
    by: Bucket
    guards: tuple[Guard, ...]
    salt: str
    started_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStage:
    """How a policy stands; `revision` counts its changes, so that two do not cross.

    `previous` was stable before and is what a roll-back without a rollout goes back to.
    """

    name: str
    stable: int
    rollout: Rollout | None = None
    previous: int | None = None
    revision: int = 0


class PolicyChange(StrEnum):
    """What happened to a policy."""

    RELEASED = "released"  # a version was used for the first time; its digest is fixed
    ROLLED_OUT = "rolled_out"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvent:
    """A change of a policy, as the decision log keeps it: who, when (the record's time), why."""

    change: PolicyChange
    policy: str  # name@version: the version that the change is about
    who: str
    why: str
    digest: str | None = None  # of the document, where it was released
    before: str | None = None  # name@version that was stable
    serving: str | None = None  # name@version that serves everybody after a roll-back
    percent: float | None = None
    by: Bucket | None = None
    guards: tuple[Guard, ...] = ()
    evidence: str | None = None  # what a guard has seen, where it rolled back by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTally:
    """Sums over the calls of one arm; two tallies are merged by adding them up.

    `slow` counts the calls that took longer than the guard's bound on p95.
    """

    arm: Arm
    calls: int = 0
    ok: int = 0
    slow: int = 0
    cost_microusd: int = 0
    cost_squares: int = 0  # of micro-dollars: a Python integer, exact


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTally:
    """What one process has counted of an arm, in the rollout of `policy` that began then."""

    policy: str  # its name
    started_ms: int
    process: str
    tally: ArmTally
