"""What is known of one key: what the host was told, and what the desk and the ledger say."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.torture.databases import Row
from benchmarks.torture.desks import Truth
from benchmarks.torture.plan import Trial
from benchmarks.torture.subjects import Errand
from mcp_router.canonical import JsonValue


class Word(StrEnum):
    """What one answer means for the host."""

    DONE = "done"  # succeeded or replayed: it happened
    NEVER = "never"  # failed for good: it did not and will not happen
    PERSON = "person"  # a person decides
    UNKNOWN = "unknown"  # it may have happened
    AGAIN = "again"  # nothing happened yet, or somebody is at it: call again


SETTLED = frozenset({Word.DONE, Word.NEVER, Word.PERSON})
SETTLED_STATES = frozenset({"succeeded", "failed", "needs_human"})


class Fate(StrEnum):
    """What became of a key, by the desk's word and not by ours."""

    ONCE = "happened once"
    NOT = "never happened"
    UNKNOWN = "unknown"
    PERSON = "needs a person"
    DUPLICATE = "DUPLICATE"
    LOST = "LOST"
    DENIED = "DENIED"  # told or noted as failed, but it happened


WRONG = frozenset({Fate.DUPLICATE, Fate.LOST, Fate.DENIED})


@dataclass(slots=True, kw_only=True)
class Account:
    """One key's story."""

    trial: Trial
    errand: Errand
    began_s: float = field(default_factory=time.monotonic)
    struck_s: float | None = None
    decided_s: float | None = None
    injected: bool = False
    told: set[Word] = field(default_factory=set)
    trail: list[str] = field(default_factory=list)
    action_id: str | None = None

    def strike(self) -> None:
        """Note that the fault has happened, the first time that it does."""
        self.injected = True

        if self.struck_s is None:
            self.struck_s = time.monotonic()

    def hear(self, answer: Mapping[str, JsonValue]) -> Word:
        """Note a JSON-RPC answer and return what it means."""
        word = _word(self, answer)
        self.told.add(word)

        if word in SETTLED and self.decided_s is None:
            self.decided_s = time.monotonic()

        return word

    def note(self, event: str) -> None:
        """Add a line to the story, for whoever reads about a wrong fate."""
        self.trail.append(f"{time.monotonic() - self.began_s:.3f} {event}")

    def fate(self, effects: int, row: Row | None) -> Fate:
        """Return what became of the key, in the end."""
        state = row.state if row else None

        if effects > 1:
            return Fate.DUPLICATE

        if effects == 0 and (Word.DONE in self.told or state == "succeeded"):
            return Fate.LOST

        if effects == 1 and state is None:
            return Fate.LOST

        if effects == 1 and (Word.NEVER in self.told or state in ("failed", "reserved")):
            return Fate.DENIED

        if state == "needs_human":
            return Fate.PERSON

        if state in ("unknown", "sending"):
            return Fate.UNKNOWN

        return Fate.ONCE if effects else Fate.NOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An account that is closed: nothing of its world is under way any more."""

    account: Account
    effects: int
    row: Row | None
    fate: Fate


def close(account: Account, truth: Truth, rows: Mapping[str, Row]) -> Verdict:
    """Ask the desk and the ledger what has become of a key."""
    effects = account.errand.count(truth)
    row = rows.get(account.errand.key)
    return Verdict(account=account, effects=effects, row=row, fate=account.fate(effects, row))


def _word(account: Account, answer: Mapping[str, JsonValue]) -> Word:
    result = answer.get("result")
    content = result.get("structuredContent") if isinstance(result, Mapping) else None

    if not isinstance(content, Mapping):
        account.note(f"protocol error {str(answer.get('error'))[:200]}")
        return Word.AGAIN

    outcome, state, code = (content.get(name) for name in ("outcome", "state", "code"))
    account.note(f"told {outcome or state} {code or ''}".rstrip())

    if isinstance(content.get("action_id"), str):
        account.action_id = str(content["action_id"])

    if outcome in ("succeeded", "replayed") or state == "succeeded" or code == "ledger_degraded":
        return Word.DONE

    if state == "failed" or (outcome == "failed" and not content.get("retryable")):
        return Word.NEVER

    if state == "needs_human":
        return Word.PERSON

    unsure = outcome == "outcome_unknown" or state in ("unknown", "sending")
    return Word.UNKNOWN if unsure or code == "outcome_unknown" else Word.AGAIN
