"""What a chain asks of the gate before its targets, and what it tells it of each attempt."""

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest

from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.decision import Candidate
from mcp_router.errors import DeadlineExceeded, InvalidArguments, TargetsExhausted
from mcp_router.execute.chain import Answer, Chain, Send
from mcp_router.testing.clock import ManualClock
from tests.execute.test_chain import ANSWER, LIMITS, candidate, failed


@dataclass(kw_only=True)
class Notes:
    """A gate and a purse that remember; each takes its time by the clock."""

    clock: ManualClock = field(default_factory=ManualClock)
    cover_s: float = 0.0
    admit_s: float = 0.0
    admitted: list[str] = field(default_factory=list)
    seen: list[tuple[str, Reason, bool]] = field(default_factory=list)
    reported: list[Attempt] = field(default_factory=list)

    async def cover(self, total_microusd: int) -> None:
        self.clock.advance(self.cover_s)

    async def admit(self, target: str) -> bool:
        self.clock.advance(self.admit_s)
        self.admitted.append(target)
        return True

    async def observe(
        self, attempt: Attempt, *, retry_after_s: float | None = None, cut_short: bool = False
    ) -> None:
        self.seen.append((attempt.target, attempt.reason, cut_short))

    def chain(self, *, began_s: float | None = None) -> Chain:
        return Chain(
            LIMITS,
            clock=self.clock,
            jitter=lambda: 1.0,
            report=self.reported.append,
            gate=self,
            purse=self,
            began_s=began_s,
        )

    def failing(
        self, seconds: Callable[[float], float], reason: Reason = Reason.TIMEOUT
    ) -> Send[str]:
        """Return a target that fails after a time that follows from what it is given."""

        async def send(one: Candidate, timeout_s: float) -> Answer[str]:
            self.clock.advance(seconds(timeout_s))
            raise failed(reason)

        return send


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.REFUSED])
async def test_a_target_that_its_call_gave_too_little_time_is_not_to_blame(reason: Reason) -> None:
    notes = Notes()
    chain = notes.chain(began_s=-LIMITS.deadline_s + 3)  # three seconds are left of the call

    with pytest.raises(DeadlineExceeded):
        await chain.run((candidate("a"),), notes.failing(lambda given_s: given_s, reason))

    assert notes.seen == [("a", reason, True)]


async def test_a_target_that_had_all_the_time_of_an_attempt_is_to_blame() -> None:
    notes = Notes()

    with pytest.raises((DeadlineExceeded, TargetsExhausted)):
        await notes.chain().run((candidate("a"),), notes.failing(lambda given_s: given_s))

    assert notes.seen[0] == ("a", Reason.TIMEOUT, False)


async def test_a_failure_before_the_time_is_over_is_the_targets_own() -> None:
    notes = Notes()
    chain = notes.chain(began_s=-LIMITS.deadline_s + 3)

    with pytest.raises(DeadlineExceeded):
        await chain.run((candidate("a"),), notes.failing(lambda _: 1.0, Reason.REFUSED))

    assert notes.seen[0] == ("a", Reason.REFUSED, False)


async def test_a_slow_purse_leaves_no_target_with_too_little_time_to_answer() -> None:
    notes = Notes(cover_s=LIMITS.deadline_s + 1)

    with pytest.raises(DeadlineExceeded):
        await notes.chain().run((candidate("a"),), never)

    assert (notes.admitted, notes.seen, notes.reported) == ([], [], [])


async def test_what_was_admitted_too_late_is_let_go_unsent() -> None:
    notes = Notes(admit_s=LIMITS.deadline_s + 1)

    with pytest.raises(DeadlineExceeded):
        await notes.chain().run((candidate("a"),), never)

    assert notes.seen == [("a", Reason.CANCELLED, True)]
    assert notes.reported == []


async def test_a_request_that_cannot_be_written_lets_its_target_go() -> None:
    notes = Notes()
    chain = notes.chain()

    async def send(one: Candidate, timeout_s: float) -> Answer[str]:
        raise InvalidArguments("No tool has made that call.")

    with pytest.raises(InvalidArguments):
        await chain.run((candidate("a"), candidate("b")), send)

    assert notes.seen == [("a", Reason.CANCELLED, True)]
    assert (notes.reported, chain.spent_microusd) == ([], 0)


async def test_a_fault_of_ours_after_the_send_is_in_the_record_and_may_have_cost() -> None:
    notes = Notes()
    chain = notes.chain()

    async def send(one: Candidate, timeout_s: float) -> Answer[str]:
        raise LookupError("a mistake in our decoder")

    with pytest.raises(LookupError):
        await chain.run((candidate("a"),), send)

    assert notes.seen == [("a", Reason.CANCELLED, False)]
    assert [(one.target, one.evidence) for one in notes.reported] == [("a", Evidence.UNKNOWN)]
    assert chain.spent_microusd == 100


async def test_a_cancelled_attempt_is_told_to_gate_and_record() -> None:
    notes = Notes()

    async def send(one: Candidate, timeout_s: float) -> Answer[str]:
        scope.cancel()
        await anyio.lowlevel.checkpoint()
        return ANSWER

    with anyio.CancelScope() as scope:
        await notes.chain().run((candidate("a"),), send)

    assert notes.seen == [("a", Reason.CANCELLED, False)]
    assert [one.reason for one in notes.reported] == [Reason.CANCELLED]


async def test_the_deadline_counts_from_when_the_call_began() -> None:
    notes = Notes()
    notes.clock.advance(LIMITS.deadline_s)

    with pytest.raises(DeadlineExceeded):
        await notes.chain(began_s=0.0).run((candidate("a"),), never)

    assert notes.admitted == []


async def test_when_the_cap_is_reached_those_who_were_not_asked_have_not_refused() -> None:
    notes = Notes()
    names = [f"t{number}" for number in range(LIMITS.attempts + 1)]

    async def send(one: Candidate, timeout_s: float) -> Answer[str]:
        raise failed(Reason.UNAUTHORIZED, Evidence.NOT_APPLIED)

    with pytest.raises(TargetsExhausted, match="t3: unauthorized"):
        await notes.chain().run(tuple(map(candidate, names)), send)

    assert len(notes.admitted) == LIMITS.attempts


async def never(one: Candidate, timeout_s: float) -> Answer[str]:
    raise AssertionError("nobody is to be asked")
