"""The embedded Zendesk: what it starts with, and writers at the same time."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

from mcp_router.canonical import JsonValue
from mcp_router.domain.ticket import Priority, Status, TicketType
from mcp_router.sandbox.zendesk.exchange import Origin, Refusal
from mcp_router.sandbox.zendesk.seed_tickets import SEEDS
from mcp_router.sandbox.zendesk.state import ZendeskState
from tests.sandbox.zendesk_parts import SetClock


def test_seeded_tickets_are_the_same_every_time() -> None:
    one, other = ZendeskState(), ZendeskState()

    assert one.tickets() == other.tickets()
    assert [ticket.id for ticket in one.tickets()] == list(range(101, 113))
    assert one.users() == other.users()
    assert [audit.id for audit in one.audits(112)] == [audit.id for audit in other.audits(112)]


def test_seeded_tickets_are_what_their_seeds_say() -> None:
    state = ZendeskState()

    assert [one.at for one in SEEDS] == sorted(one.at for one in SEEDS)
    assert {
        ticket.id: [comment.body for comment in state.comments(ticket.id)]
        for ticket in state.tickets()
    } == {
        ticket_id: [
            comment["body"]
            for seed in SEEDS
            if seed.ticket_id == ticket_id and isinstance(comment := seed.body["comment"], dict)
        ]
        for ticket_id in range(101, 113)
    }


def test_seeded_desk_has_work_of_every_kind() -> None:
    fields = [one.fields for one in ZendeskState().tickets()]

    assert {one.status for one in fields} == {status.value for status in Status}
    assert {one.priority for one in fields} == {priority.value for priority in Priority}
    assert {one.type for one in fields} == {kind.value for kind in TicketType}
    assert {one.organization_id for one in fields} == {None, 3001, 3002, 3003}
    assert {one.group_id for one in fields} == {None, 4001, 4002, 4003}


def test_addresses_of_the_seeded_desk_reach_nobody() -> None:
    domains = {(one.email or "").rpartition("@")[2] for one in ZendeskState().users()}

    assert domains == {"example.com", "sandbox.test"}


def test_unseeded_desk_has_staff_only() -> None:
    state = ZendeskState(seeded=False)

    assert (state.tickets(), state.organizations()) == ((), ())
    assert {one.role for one in state.users()} == {"admin", "agent"}
    assert len(state.groups()) == 3
    assert (state.ticket(101), state.comments(101), state.audits(101)) == (None, (), ())


class MeetingClock(SetClock):
    """A clock that two threads can only read together, or each after a wait alone."""

    def __init__(self) -> None:
        super().__init__()
        self._meeting = Barrier(2)

    def now_ms(self) -> int:
        with suppress(BrokenBarrierError):
            self._meeting.wait(timeout=0.2)

        return super().now_ms()


def test_of_two_updates_with_one_stamp_one_is_applied() -> None:
    state = ZendeskState(clock=MeetingClock())
    guarded: dict[str, JsonValue] = {
        "safe_update": True,
        "updated_stamp": "2026-11-09T08:12:00Z",
        "comment": {"body": "Only once"},
    }

    def update(_: int) -> int:
        try:
            state.update(101, guarded, Origin(author_id=1002))
        except Refusal as refusal:
            return refusal.status_code

        return 200

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(update, range(2))) == [200, 409]

    assert len(state.comments(101)) == 2


def test_writers_in_many_threads_lose_nothing() -> None:
    state = ZendeskState(seeded=False)
    state.create({"comment": {"body": "Hello"}}, Origin(author_id=1001))
    together = Barrier(8)

    def work(worker: int) -> None:
        together.wait(timeout=10)

        for n in range(25):
            name = f"{worker}-{n}"
            state.update(
                101, {"comment": {"body": name}, "additional_tags": [name]}, Origin(author_id=1002)
            )
            state.create({"comment": {"body": name}}, Origin(author_id=1002))

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, worker) for worker in range(8)]:
            done.result(timeout=30)

    names = {f"{worker}-{n}" for worker in range(8) for n in range(25)}
    comments = state.comments(101)
    ticket = state.ticket(101)
    assert ticket is not None
    assert set(ticket.fields.tags) == names
    assert sorted(one.body for one in comments) == sorted(["Hello", *names])
    assert len({one.id for one in comments}) == 201
    assert [one.id for one in state.tickets()] == list(range(101, 302))
    assert len({one.position for one in state.tickets()}) == 201
