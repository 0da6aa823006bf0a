"""The walk of a read: the first desk that answers, a record for every end."""

from dataclasses import replace

import pytest

from mcp_router.domain.action import Strategy
from mcp_router.domain.attempt import Reason
from mcp_router.domain.ticket import Customer, CustomerQuery
from mcp_router.errors import NoTarget, NotFound, PolicyEdited, SendFailed, TargetsRefused
from mcp_router.execute.targets import Desk
from mcp_router.testing.desks import ScriptedDesk, lost_answer, refusal
from tests.decide.examples import policy
from tests.execute.walks import House

MAYA = Customer(id="9", target="a", name="Maya", email=None)


def desk(name: str, *answers: tuple[Customer, ...] | SendFailed) -> ScriptedDesk:
    one = ScriptedDesk(name, Strategy.NONE)
    one.customers += answers
    return one


async def find(asked: Desk, timeout_s: float) -> tuple[Customer, ...]:
    return await asked.find_customers(CustomerQuery(name="Maya"), limit=5, timeout_s=timeout_s)


async def test_the_first_desk_answers_and_the_record_says_so() -> None:
    house = House(desks=(desk("a", (MAYA,)), desk("b")))

    got = await house.lookups.read(house.call("find_customer"), find, ticket_id="7")

    assert got == ("a", (MAYA,))
    assert (house.record.outcome, house.record.target) == ("ok", "a")
    assert house.record.ticket_id == "7"
    assert [one.reason for one in house.record.attempts] == [Reason.OK]


async def test_a_read_may_be_asked_of_the_next_desk_whatever_became_of_the_first() -> None:
    house = House(desks=(desk("a", lost_answer()), desk("b", (MAYA,))))

    assert await house.lookups.read(house.call("find_customer"), find) == ("b", (MAYA,))


async def test_that_a_thing_does_not_exist_is_an_answer_and_nobody_else_is_asked() -> None:
    house = House(desks=(desk("a", refusal(Reason.NOT_FOUND, 404)), desk("b")))

    with pytest.raises(NotFound):
        await house.lookups.read(house.call("find_customer"), find)

    assert (house.record.outcome, house.record.error_code) == ("error", "not_found")
    assert [(one.target, one.reason) for one in house.record.attempts] == [("a", Reason.OK)]


async def test_when_no_desk_answers_every_attempt_is_in_the_record() -> None:
    down = refusal(Reason.UNAUTHORIZED, 401)
    house = House(desks=(desk("a", down), desk("b", down)))

    with pytest.raises(TargetsRefused):
        await house.lookups.read(house.call("find_customer"), find)

    assert [one.target for one in house.record.attempts] == ["a", "b"]


async def test_without_a_desk_the_record_holds_the_decision() -> None:
    house = House()

    with pytest.raises(NoTarget):
        await house.lookups.read(house.call("find_customer"), find)

    assert house.record.error_code == "no_target"
    assert house.record.decision is not None


async def test_a_read_is_not_decided_by_an_edited_policy() -> None:
    house = House(desks=(desk("a", (MAYA,)),))
    await house.stages.released(replace(policy((), ()), digest="before"), who="server")

    with pytest.raises(PolicyEdited):
        await house.lookups.read(house.call("find_customer"), find)

    assert (house.record.error_code, house.record.attempts) == ("policy_edited", ())
