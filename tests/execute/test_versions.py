"""Versions: what a write is based on, when it is read, and what it proves later."""

import math
from dataclasses import replace

from mcp_router.domain.action import ActionState, Precondition, Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import TicketChanged
from mcp_router.execute.delivery import MAX_READS
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.desks import ScriptedDesk, Step
from tests.execute.shipping import Dock, dock

CAS = Strategy.CAS_MARKER
SUCCEEDED, FAILED, UNKNOWN = ActionState.SUCCEEDED, ActionState.FAILED, ActionState.UNKNOWN


async def test_a_version_that_could_be_shared_is_never_sent_twice() -> None:
    one = dock(CAS, Step.LATE, settled=False, late_after=99)

    settled = await one.call()

    assert (settled.action.state, one.sends(), one.effects()) == (UNKNOWN, [1], 1)
    assert (await one.call()).action.state is SUCCEEDED  # it has landed meanwhile
    assert one.sends() == [1]


class Restless(ScriptedDesk):
    """A desk whose object was changed this very second, until `rests_at_s` of the clock.

    At `changes_at_s` somebody else changes it.
    """

    clock: ManualClock
    rests_at_s: float
    changes_at_s = math.inf

    async def precondition(self, write: DeskWrite, *, timeout_s: float) -> Precondition | None:
        if self.clock.monotonic_s() >= self.changes_at_s:
            self._version += 1
            self.changes_at_s = math.inf

        version = await super().precondition(write, timeout_s=timeout_s)
        assert version is not None
        return replace(version, settled=self.clock.monotonic_s() >= self.rests_at_s)


def restless(rests_at_s: float, *script: Step) -> tuple[Dock, Restless]:
    desk = Restless("first", CAS, script, late_after=99)
    one = Dock(desks=(desk,))
    desk.clock, desk.rests_at_s = one.clock, rests_at_s
    return one, desk


async def test_a_version_of_this_second_is_waited_out_before_the_first_send() -> None:
    one, _ = restless(1.0)

    settled = await one.call()

    assert (settled.action.state, one.clock.slept_s, one.effects()) == (SUCCEEDED, [1.0], 1)
    assert settled.action.precondition == Precondition(stamp="1", settled=True)


async def test_an_object_that_never_rests_is_sent_to_after_three_reads() -> None:
    one, _ = restless(math.inf)

    settled = await one.call()

    assert (settled.action.state, one.effects()) == (SUCCEEDED, 1)
    assert settled.action.precondition == Precondition(stamp="1", settled=False)
    assert one.clock.slept_s == [1.0] * MAX_READS  # its own second is over when it lands


async def test_a_version_is_read_again_before_a_resend_and_waited_for_until_it_rests() -> None:
    one, _ = restless(6.0, Step.LOST)

    settled = await one.call()

    # Based on a stamp that another change could share; sent again once that second is over.
    assert settled.action.precondition == Precondition(stamp="1", settled=False)
    assert (settled.action.state, one.sends(), one.effects()) == (SUCCEEDED, [2], 1)
    assert one.clock.monotonic_s() == 6.0


async def test_a_version_that_moves_while_it_is_waited_for_ends_it() -> None:
    one, desk = restless(6.0, Step.LOST)
    desk.changes_at_s = 5.0

    settled = await one.call()

    assert (settled.action.state, one.sends(), one.effects()) == (FAILED, [1], 0)
    assert isinstance(settled.error, TicketChanged)


async def test_a_resend_is_based_on_the_version_of_the_first_send() -> None:
    one = dock(CAS, Step.LOST)

    settled = await one.call()

    assert settled.action.precondition == Precondition(stamp="1", settled=True)
    assert [(one.evidence, one.reason) for one in one.attempts] == [
        (Evidence.UNKNOWN, Reason.RESET),
        (Evidence.APPLIED, Reason.OK),
    ]


async def test_a_late_first_send_makes_the_second_one_its_proof() -> None:
    # The first lands just before the second arrives: the second meets another version.
    one = dock(CAS, Step.LATE, late_after=2)

    settled = await one.call()

    assert (settled.action.state, one.sends(), one.effects()) == (SUCCEEDED, [2], 1)
