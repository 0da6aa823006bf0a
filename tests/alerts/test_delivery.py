"""What becomes of an alert that a receiver does not take: real sockets and TLS, a clock by hand."""

import asyncio
import logging
from dataclasses import replace

import pytest

from mcp_router.domain.alert import Delivery, DeliveryState
from mcp_router.domain.secret import Secret
from mcp_router.errors import StorageUnavailable
from mcp_router.testing.alerts import MemoryAlerts
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.stores import MemoryRecords
from tests.alerts.parts import House, body, running, webhook
from tests.alerts.receiver import DROP, HANG, Receiver, receiving
from tests.alerts.records import FELL_BACK, OVER

DAY_S = 86_400.0


async def test_what_a_receiver_refuses_is_tried_again_with_the_same_id_and_body(
    house: House, receiver: Receiver
) -> None:
    receiver.answers += ["500", DROP, "302\nlocation: https://localhost/", "429"]

    async with running(house, webhook(receiver)) as alerts:
        alerts.observe(FELL_BACK)

        for pause_s in (0.0, 5.0, 10.0, 20.0, 40.0, 80.0):
            house.clock.advance(pause_s)
            await alerts.work()

    assert len(receiver.arrived) == 5
    assert {(one.headers["webhook-id"], one.body) for one in receiver.arrived} == {
        (receiver.ids[0], receiver.arrived[0].body)
    }
    stamps = [int(one.headers["webhook-timestamp"]) for one in receiver.arrived]
    assert [later - stamps[0] for later in stamps] == [0, 5, 15, 35, 75]


async def test_a_receiver_that_hangs_holds_up_no_other(
    house: House, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with receiving(tmp_path_factory.mktemp("other")) as other:
        receiver.answers += [HANG]

        async with running(house, webhook(receiver, "slow"), webhook(other, "quick")) as alerts:
            alerts.observe(FELL_BACK)
            working = asyncio.create_task(alerts.work())
            await asyncio.wait_for(asyncio.gather(receiver.came.wait(), other.came.wait()), 10)
            assert not working.done()
            await asyncio.wait_for(working, 10)
            house.clock.advance(5)
            await alerts.work()

    assert len(receiver.arrived) == 2
    assert len(other.arrived) == 1


async def test_what_is_noted_while_a_receiver_hangs_is_told_to_the_others(
    house: House, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with receiving(tmp_path_factory.mktemp("other")) as other:
        receiver.answers += [HANG]

        async with running(house, webhook(receiver, "slow"), webhook(other, "quick")) as alerts:
            to_slow, to_quick = alerts.turns
            alerts.observe(FELL_BACK)
            await alerts.take_in()
            hanging = asyncio.ensure_future(to_slow())
            await asyncio.wait_for(receiver.came.wait(), 10)

            alerts.observe(OVER)
            await alerts.take_in()
            await to_quick()

            assert len(other.arrived) == 2
            assert not hanging.done()
            await asyncio.wait_for(hanging, 10)


async def test_a_turn_that_is_cut_off_is_taken_up_again_after_its_lease(
    house: House, receiver: Receiver
) -> None:
    receiver.answers += [HANG]

    async with running(house, webhook(receiver)) as alerts:
        (turn,) = alerts.turns
        alerts.observe(OVER)
        await alerts.take_in()
        ending = asyncio.ensure_future(turn())
        await asyncio.wait_for(receiver.came.wait(), 10)
        ending.cancel()
        await asyncio.wait([ending])

        await turn()
        assert len(receiver.arrived) == 1
        house.clock.advance(60)
        await turn()

    assert receiver.ids[0] == receiver.ids[1]


async def test_a_receiver_that_is_gone_gets_nothing_more_until_it_has_another_url(
    house: House, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers += ["410"]

    async with running(house, webhook(receiver)) as alerts:
        alerts.observe(FELL_BACK)
        alerts.observe(OVER)
        await alerts.work()
        house.clock.advance(DAY_S)
        alerts.observe(replace(OVER, decision_id="dec_2"))
        await alerts.work()

    assert len(receiver.arrived) == 1
    assert [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR] == [
        "alerts are not sent to ops any more: it has answered 410; give it another url to go on"
    ]

    async with running(house, webhook(receiver)) as restarted:
        restarted.observe(replace(OVER, decision_id="dec_3"))
        await restarted.work()

    assert len(receiver.arrived) == 1
    moved = replace(webhook(receiver), url=Secret(f"{receiver.url}&moved"))

    async with running(house, moved) as renewed:
        house.clock.advance(301)
        renewed.observe(replace(OVER, decision_id="dec_4"))
        await renewed.work()

    assert len(receiver.arrived) == 2


async def test_after_three_days_an_alert_is_given_up_and_the_log_says_so(
    house: House, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers += ["503"] * 100

    async with running(house, webhook(receiver)) as alerts:
        alerts.observe(FELL_BACK)

        for _ in range(100):
            await alerts.work()
            house.clock.advance(3600)

    # Digests of the days between are on their way as well.
    tries = [one for one in receiver.arrived if body(one)["type"] == "router.fallback_triggered"]
    errors = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert 10 <= len(tries) <= 30
    assert errors[0] == (
        f"alert router.fallback_triggered {tries[0].headers['webhook-id']} was never taken by ops "
        "and is given up: status 503"
    )
    assert receiver.url not in caplog.text


async def test_an_address_inside_is_not_asked_and_the_log_says_why(
    house: House, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(house, replace(webhook(receiver), allow_private=False)) as alerts:
        alerts.observe(FELL_BACK)
        await alerts.work()

    assert receiver.arrived == []
    assert "its address is not one that alerts may be sent to" in caplog.text
    assert "s3cret" not in caplog.text


class Forgetful(MemoryAlerts):
    """Loses, while `dying`, the note of what was sent: as a process does that is killed then."""

    dying = False

    async def settle(self, delivery: Delivery, state: DeliveryState, pause_ms: int = 0) -> bool:
        if self.dying:
            raise StorageUnavailable("The process is gone.")

        return await super().settle(delivery, state, pause_ms)


async def test_a_process_that_dies_between_send_and_note_is_followed_by_another(
    receiver: Receiver,
) -> None:
    clock, records = ManualClock(), MemoryRecords()
    store = Forgetful(clock, records)
    house = House(clock=clock, records=records, store=store)

    async with running(house, webhook(receiver)) as dying, running(house, webhook(receiver)) as two:
        dying.observe(OVER)
        store.dying = True

        with pytest.raises(StorageUnavailable):
            await dying.work()

        store.dying = False
        await two.work()
        assert len(receiver.arrived) == 1
        clock.advance(60)
        await two.work()
        clock.advance(60)
        await two.work()

    assert len(receiver.arrived) == 2
    assert receiver.ids[0] == receiver.ids[1]
