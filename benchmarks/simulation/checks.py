"""What must hold in every schedule, by name."""

from dataclasses import dataclass
from enum import StrEnum


class Check(StrEnum):
    """One promise; its text says how it was broken."""

    TWICE = "a key had two effects"
    AFTER_FAILED = "an effect came after the action had failed"
    NO_EFFECT = "an action succeeded without its one effect"
    HAD_EFFECT = "an action failed although it had an effect"
    UNANNOUNCED = "a request left that was not `sending` on disk"
    OTHER_WORDS = "a request said something else than its row"
    WRONG_ARROW = "the ledger wanted a transition that every store refuses"
    FENCE = "the fence did not grow with a new owner, or went down"
    VANISHED = "an action that is not decided is not shown as such"
    STUCK = "an action stays undecided although everything works"
    DENIED = "a call said that nothing was sent, and it had sent"
    MISTOLD = "a call said of the effect what is not true"
    REPLAY = "a replay differs from the first answer"
    FAULT = "the router raised what is no coded error"


class Broken(Exception):
    """A promise was broken in this schedule."""

    def __init__(self, check: Check, detail: str) -> None:
        """Name the promise, and what broke it."""
        super().__init__(f"{check}: {detail}")
        self.check = check
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one schedule has come to: None where every promise was kept."""

    seed: int
    check: Check | None = None
    detail: str = ""
