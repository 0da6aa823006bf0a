"""Holds what happens against the promises, at the moment when it happens."""

from collections import Counter
from functools import cache

from benchmarks.simulation.checks import Broken, Check
from benchmarks.simulation.desk import Request, Truth
from benchmarks.simulation.loop import Loop
from benchmarks.simulation.store import UNDECIDED
from mcp_router.domain.action import ARROWS, Action, ActionState, Outcome, Ref
from mcp_router.domain.write import DeskWrite, UpdateTicket
from mcp_router.errors import OutcomeUnknown, RouterError, StorageUnavailable
from mcp_router.ledger.answer import kept_answer, write_answer
from mcp_router.ledger.parcel import pack


class Watch:
    """Knows the truth of all desks and every transition of the ledger."""

    def __init__(self, loop: Loop) -> None:
        """Start with nothing."""
        self.truths: tuple[Truth, ...] = ()
        self.rows: dict[str, Action] = {}
        self._loop = loop
        self._announced: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()
        self._requests: list[Request] = []
        self._told: dict[str, str] = {}

    def effects(self, key: str) -> int:
        """Return how many effects a key has had, at all desks together."""
        return sum(
            key_of(request.write) == key for truth in self.truths for request in truth.effects
        )

    def moved(self, old: Action | None, new: Action) -> None:
        """Look at a transition that is about to be on disk."""
        if self._loop.trace is not None:
            was = "nothing" if old is None else f"{old.state} (fence {old.fence})"
            self._loop.note(f"{was} -> {new.state} (fence {new.fence}, owner {new.owner})")

        if old is not None:
            self._compare(old, new)

        if new.state is ActionState.SENDING:
            self._announced[new.marker] += 1

        if new.state is ActionState.SUCCEEDED:
            _hold(self.effects(new.key) == 1, Check.NO_EFFECT, new.key)
            _hold(new.ref == Ref(id=f"made-by-{new.marker}"), Check.NO_EFFECT, "another ref")

        if new.state is ActionState.FAILED:
            _hold(self.effects(new.key) == 0, Check.HAD_EFFECT, new.key)

        self.rows[new.key] = new

    def leaves(self, request: Request) -> None:
        """Look at a request at the moment when it leaves."""
        self._sent[request.marker] += 1
        self._requests.append(request)
        row = self.rows.get(key_of(request.write))
        announced = self._announced[request.marker] >= self._sent[request.marker]
        _hold(announced, Check.UNANNOUNCED, request.marker)
        told = row is not None and row.write_json in ("", _packed(request.write))
        _hold(told, Check.OTHER_WORDS, request.marker)

    def applied(self) -> None:
        """Look at the desks after something has arrived there."""
        for key, row in self.rows.items():
            count = self.effects(key)
            _hold(count <= 1, Check.TWICE, key)
            _hold(count == 0 or not _has_failed(row), Check.AFTER_FAILED, key)

    def answered(self, key: str, outcome: Outcome, action: Action) -> None:
        """Look at what a host is told at the end of its call."""
        self._loop.note(f"answers {outcome}")
        done = self.effects(key)

        if outcome in (Outcome.SUCCEEDED, Outcome.REPLAYED):
            _hold(done == 1, Check.MISTOLD, f"{outcome} with {done} effects")

        if outcome is Outcome.FAILED:
            # What may be tried again is told of this call; another may have tried by now.
            mine = any(one.applied for one in self._mine())
            _hold(not mine, Check.MISTOLD, "failed, and had an effect")
            final = action.state is ActionState.FAILED
            _hold(not final or done == 0, Check.MISTOLD, f"failed with {done} effects")

        if action.state in (ActionState.SUCCEEDED, ActionState.FAILED):
            answer = write_answer(kept_answer(action))
            _hold(self._told.setdefault(key, answer) == answer, Check.REPLAY, key)

    def raised(self, key: str, error: RouterError) -> None:
        """Look at the error that a host gets instead of an answer."""
        self._loop.note(f"raises {error.code}")

        if isinstance(error, StorageUnavailable):
            mine = any(one.applied or one.under_way for one in self._mine())
            _hold(not mine, Check.DENIED, key)
        elif isinstance(error, OutcomeUnknown):
            _hold(self.rows.get(key) is not None, Check.VANISHED, key)

    def ends(self) -> None:
        """Look at everything once nothing is under way any more."""
        self.applied()

        for key, row in self.rows.items():
            count = self.effects(key)
            _hold(row.state not in UNDECIDED, Check.STUCK, f"{key} is {row.state}")
            done = row.ref is not None
            _hold(count == int(done), Check.NO_EFFECT if done else Check.HAD_EFFECT, key)

    def _mine(self) -> list[Request]:
        """Return the requests that the task at work has sent."""
        return [one for one in self._requests if one.sender is self._loop.task]

    def _compare(self, old: Action, new: Action) -> None:
        """Hold a transition against the arrows and the fence."""
        _hold(new.state in ARROWS[old.state], Check.WRONG_ARROW, f"{old.state} -> {new.state}")
        taken = new.owner is not None and new.owner != old.owner
        _hold(new.fence >= old.fence + taken, Check.FENCE, f"{old.fence} -> {new.fence}")
        same = (old.action_id, old.marker, old.key) == (new.action_id, new.marker, new.key)
        _hold(same, Check.VANISHED, old.key)


def key_of(write: DeskWrite) -> str:
    """Return the key that a simulated write was made for: its own words say so."""
    assert isinstance(write, UpdateTicket)
    assert write.comment is not None
    return write.comment.body.partition("|")[0]


@cache
def _packed(write: DeskWrite) -> str:
    """Return what a row holds of a write; there are few, and each is asked for often."""
    return pack(write)


def _has_failed(row: Action) -> bool:
    """Return whether an action was decided as never applied."""
    failed = row.state is ActionState.FAILED
    return failed or (row.state is ActionState.EXPIRED and row.ref is None)


def _hold(kept: bool, check: Check, detail: str) -> None:
    """Stop the schedule where a promise is broken."""
    if not kept:
        raise Broken(check, detail)
