"""The plan: which fault happens to which write at which step; the same for the same seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.torture.orders import Deed
from benchmarks.torture.subjects import BLIND, CRM, Subject


class Kind(StrEnum):
    """A kind of fault, as the report names it."""

    CRASH = "kill -9 at a step"
    KILL = "kill -9 at a random moment"
    TERM = "SIGTERM in the middle"
    CUT_REQUEST = "connection cut in the request"
    CUT_ANSWER = "connection cut in the answer"
    ANSWER_LOST = "answer lost after applying"
    REQUEST_LOST = "request lost before applying"
    BAD_ANSWER = "5xx or garbled answer"
    LATE = "late commit at the desk"
    HELD = "request held back by the network"
    TWICE = "request delivered twice"
    CALLERS = "concurrent callers of one key"
    SLOW_HOLDER = "holder asleep past its lease"
    CLOCK = "wall clock jumps by a day"
    DISK_FULL = "disk full"
    LOCKED = "database locked by another"
    SESSION_ENDED = "database session ended"
    READ_ONLY = "database read-only for a while"
    RESTARTED = "database restarted at once"


class Situation(StrEnum):
    """What else happens to the write whose process is killed at a step."""

    CLEAN = "first attempt"
    ANSWER_LOST = "after a lost answer"
    REQUEST_LOST = "after a lost request"
    AFTER_CRASH_BEFORE = "recovery, nothing sent"
    AFTER_CRASH_AFTER = "recovery, applied"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Step:
    """The n-th passage of a failpoint."""

    point: str
    nth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One square of the crash matrix."""

    subject: Subject
    situation: Situation
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One fault to one write. What a kind does not use keeps its default.

    `step` is where the process is struck or stopped; `amount` is a share of the kind's own scale
    (bytes, seconds), drawn from the seed. `rival` lets a colleague change the ticket before the
    router recovers, `fresh` gives it a ticket of this second.
    """

    number: int
    subject: Subject
    kind: Kind
    situation: Situation = Situation.CLEAN
    step: Step | None = None
    amount: float = 0.0
    deed: Deed = Deed.KILL
    second: Step | None = None
    callers: int = 1
    restart: bool = False
    rival: bool = False
    fresh: bool = False
    patient: bool = False

    @property
    def cell(self) -> Cell | None:
        """Return the square of the matrix that this trial covers if it strikes."""
        if self.kind is not Kind.CRASH or self.step is None or self.second is not None:
            return None

        return Cell(subject=self.subject, situation=self.situation, step=self.step)


Steps = Mapping[tuple[Subject, Situation], Sequence[Step]]

_WEIGHTS: Mapping[Kind, int] = {
    Kind.CRASH: 20,
    Kind.KILL: 12,
    Kind.TERM: 6,
    Kind.CUT_REQUEST: 10,
    Kind.CUT_ANSWER: 10,
    Kind.ANSWER_LOST: 6,
    Kind.REQUEST_LOST: 4,
    Kind.BAD_ANSWER: 6,
    Kind.LATE: 8,
    Kind.HELD: 8,
    Kind.TWICE: 6,
    Kind.CALLERS: 6,
    Kind.SLOW_HOLDER: 4,
    Kind.CLOCK: 4,
    Kind.DISK_FULL: 5,
    Kind.LOCKED: 5,
    Kind.SESSION_ENDED: 4,
    Kind.READ_ONLY: 3,
    Kind.RESTARTED: 2,
}
ONLY_POSTGRES = frozenset({Kind.SESSION_ENDED, Kind.READ_ONLY, Kind.RESTARTED})
STOPS_SERVER = frozenset({Kind.DISK_FULL, Kind.RESTARTED})
"""Those that take a database server away from everybody; a server that cannot log panics."""
MATRIX_SHARE = 0.5
"""How much of a plan goes through the crash matrix, square by square."""


def matrix(steps: Steps) -> tuple[Cell, ...]:
    """Return every square: each step of each situation of each subject."""
    return tuple(
        Cell(subject=subject, situation=situation, step=step)
        for (subject, situation), found in steps.items()
        for step in found
    )


def plan(
    faults: int, seed: int, steps: Steps, *, postgres: bool, matrix_share: float = MATRIX_SHARE
) -> tuple[Trial, ...]:
    """Return `faults` trials: rounds through the crash matrix, and every other kind between them.

    Each trial has dice of its own: what the seed says of it depends on no other trial, nor on how
    many steps the rehearsal has found; only which step a share of them means does.
    """
    cells = matrix(steps)
    crashes = round(faults * matrix_share)
    # Whole rounds where they fit: a square that a race has missed gets another chance.
    certain = [
        _crash(number, cells[number % len(cells)], _dice(seed, number)) for number in range(crashes)
    ]
    # No router can help where the network itself delivers twice to a desk that checks nothing.
    blind = all(subject in BLIND for subject, _ in steps)
    kinds = [
        one
        for one in Kind
        if (postgres or one not in ONLY_POSTGRES) and not (blind and one is Kind.TWICE)
    ]
    first = list(kinds)
    _dice(seed, -1).shuffle(first)
    others = [
        _draw(number, first.pop() if first else None, kinds, steps, _dice(seed, number))
        for number in range(crashes, faults)
    ]
    trials = [*certain, *others]
    _dice(seed, -2).shuffle(trials)
    return tuple(trials)


def _dice(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed}/{number}")


def _crash(number: int, cell: Cell, dice: random.Random) -> Trial:
    return Trial(
        number=number,
        subject=cell.subject,
        kind=Kind.CRASH,
        situation=cell.situation,
        step=cell.step,
        patient=dice.random() < 0.25,
    )


def _draw(
    number: int, kind: Kind | None, kinds: Sequence[Kind], steps: Steps, dice: random.Random
) -> Trial:
    """Return a trial of a kind, drawn by weight if none is given."""
    subjects = sorted({subject for subject, _ in steps})
    checking = [subject for subject in subjects if subject not in BLIND]
    drawn = dice.choices(kinds, [_WEIGHTS[one] for one in kinds])[0]
    kind = kind or drawn
    subject = dice.choice(checking if kind is Kind.TWICE else subjects)
    crash = kind is Kind.CRASH
    return Trial(
        number=number,
        subject=subject,
        kind=kind,
        step=_step(steps[subject, Situation.CLEAN], dice.random()),
        amount=dice.random(),
        deed=Deed.TERM if kind is Kind.TERM else Deed.KILL if crash else Deed.STOP,
        # The same process dies again on its way back, at a step of its recovery.
        second=_step(steps[subject, Situation.AFTER_CRASH_AFTER], dice.random()) if crash else None,
        callers=dice.randint(2, 4),
        restart=dice.random() < 0.4,
        rival=dice.random() < 0.15 and subject not in BLIND | CRM | {Subject.CREATE},
        patient=dice.random() < 0.25,
        fresh=dice.random() < 0.06,
    )


def _step(found: Sequence[Step], share: float) -> Step:
    return found[int(share * len(found))]
