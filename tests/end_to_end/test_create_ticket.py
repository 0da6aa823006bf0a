"""A new ticket may go to any desk of the pool, and still exists only once in all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.sandbox.loop_thread import LoopThread
from mcp_router.sandbox.server import SandboxServer
from mcp_router.sandbox.zendesk.app import create_app
from mcp_router.sandbox.zendesk.state import ZendeskState
from tests.end_to_end.harness import Place, call, connected, settle, unique

CREATE = r"/tickets(\.json)?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Two desks that take new tickets, and the router that knows both."""

    first: SandboxServer
    first_state: ZendeskState
    second: SandboxServer
    second_state: ZendeskState
    place: Place

    def tickets(self, subject: str) -> tuple[int, int]:
        """Return how many tickets of that subject each desk holds."""
        states = (self.first_state, self.second_state)
        counts = (sum(one.fields.subject == subject for one in each.tickets()) for each in states)
        return next(counts), next(counts)


@pytest.fixture
def pool(sandbox: Sandbox, tmp_path: Path) -> Iterator[Pool]:
    thread = LoopThread()
    thread.start()
    state, effects = ZendeskState(), Effects()
    second = SandboxServer(
        "backup",
        create_app(state, effects),
        thread=thread,
        certificate=sandbox.certificate,
        effects=effects,
    )
    yield Pool(
        first=sandbox.zendesk,
        first_state=sandbox.zendesk_state,
        second=second,
        second_state=state,
        place=settle(tmp_path, sandbox, desks={"backup": second.url}),
    )
    second.close()
    thread.stop()


def ticket(subject: str) -> dict[str, str]:
    return {"subject": subject, "body": "The box was empty.", "idempotency_key": f"key {subject}"}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.REFUSE),
        Fault(kind=FaultKind.STATUS, status=429, method="POST", path=CREATE),
        Fault(kind=FaultKind.STATUS, status=401, method="POST", path=CREATE),
        Fault(kind=FaultKind.REDIRECT, method="POST", path=CREATE),
    ],
)
async def test_a_desk_that_certainly_did_not_take_it_gives_way_to_the_next(
    fault: Fault, pool: Pool
) -> None:
    subject = unique("An empty box")
    pool.first.faults.add(fault)

    async with connected(pool.place) as client:
        made = await call(client, "create_ticket", ticket(subject))
        again = await call(client, "create_ticket", ticket(subject))

    assert (made["outcome"], made["target"], made["attempts"]) == ("succeeded", "backup", 2)
    assert (again["outcome"], again["target"]) == ("replayed", "backup")
    assert pool.tickets(subject) == (0, 1)
    (record, _) = pool.place.records()
    assert [(one.target, one.evidence.value) for one in record.attempts] == [
        ("zendesk", "not_applied"),
        ("backup", "applied"),
    ]


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.GARBLED])
async def test_a_lost_answer_is_looked_for_where_it_was_sent(kind: FaultKind, pool: Pool) -> None:
    subject = unique("An empty box")
    pool.first.faults.add(Fault(kind=kind, method="POST", path=CREATE))

    async with connected(pool.place) as client:
        made = await call(client, "create_ticket", ticket(subject))

    assert (made["outcome"], made["target"]) == ("succeeded", "zendesk")
    assert pool.tickets(subject) == (1, 0)
    assert pool.second.received.count() == 0


async def test_a_desk_that_falls_silent_keeps_the_ticket_until_it_answers_again(
    pool: Pool,
) -> None:
    subject = unique("An empty box")
    sent = pool.first.received.count(method="POST", path=CREATE)
    pool.first.faults.add(
        Fault(kind=FaultKind.DROP_AFTER, method="POST", path=CREATE),
        Fault(kind=FaultKind.DROP_BEFORE, times=2),
    )

    async with connected(pool.place) as client:
        lost = await call(client, "create_ticket", ticket(subject))
        still_lost = await call(client, "create_ticket", ticket(subject))
        found = await call(client, "create_ticket", ticket(subject))
        replayed = await call(client, "create_ticket", ticket(subject))

    assert [
        (one["outcome"], one["target"], one["safe_to_retry"])
        for one in (lost, still_lost, found, replayed)
    ] == [
        ("outcome_unknown", "zendesk", True),
        ("outcome_unknown", "zendesk", True),
        ("succeeded", "zendesk", True),
        ("replayed", "zendesk", True),
    ]
    assert pool.tickets(subject) == (1, 0)
    assert pool.first.received.count(method="POST", path=CREATE) == sent + 1
    assert pool.second.received.count() == 0


async def test_an_answer_that_the_second_desk_lost_is_looked_for_at_the_second(
    pool: Pool,
) -> None:
    subject = unique("An empty box")
    pool.first.faults.add(Fault(kind=FaultKind.STATUS, status=429, method="POST", path=CREATE))
    pool.second.faults.add(
        Fault(kind=FaultKind.DROP_AFTER, method="POST", path=CREATE),
        Fault(kind=FaultKind.DROP_BEFORE, method="GET"),
    )

    async with connected(pool.place) as client:
        lost = await call(client, "create_ticket", ticket(subject))
        found = await call(client, "create_ticket", ticket(subject))

    assert (lost["outcome"], lost["target"]) == ("outcome_unknown", "backup")
    assert (found["outcome"], found["target"]) == ("succeeded", "backup")
    assert pool.tickets(subject) == (0, 1)


async def test_no_desk_took_it_so_the_key_is_free(pool: Pool) -> None:
    subject = unique("An empty box")
    pool.first.go_down()
    pool.second.go_down()

    async with connected(pool.place) as client:
        refused = await client.call_tool("create_ticket", dict(ticket(subject)))
        pool.first.come_up()
        made = await call(client, "create_ticket", ticket(subject))

    told = refused.structured_content or {}
    assert refused.is_error
    assert (told["outcome"], told["code"], told["retryable"], told["safe_to_retry"]) == (
        "failed",
        "desk_unavailable",
        True,
        True,
    )
    assert (made["outcome"], made["target"]) == ("succeeded", "zendesk")
    assert pool.tickets(subject) == (1, 0)


async def test_a_desk_that_refuses_the_words_is_not_followed_by_another(pool: Pool) -> None:
    subject = unique("An empty box")
    pool.first.faults.add(Fault(kind=FaultKind.STATUS, status=422, method="POST", path=CREATE))

    async with connected(pool.place) as client:
        refused = await call(client, "create_ticket", ticket(subject))
        again = await call(client, "create_ticket", ticket(subject))

    assert (refused["outcome"], refused["code"], refused["safe_to_retry"]) == (
        "failed",
        "desk_rejected",
        False,
    )
    assert (again["outcome"], again["code"]) == ("failed", "desk_rejected")
    assert pool.tickets(subject) == (0, 0)
    assert pool.second.received.count() == 0


async def test_a_reply_never_goes_to_another_desk_than_its_ticket(pool: Pool) -> None:
    written = pool.first_state.tickets()[0]
    reply = {"ticket_id": str(written.id), "body": unique("On its way."), "run_id": "run-1"}
    pool.first.go_down()

    async with connected(pool.place) as client:
        refused = await call(client, "reply_to_ticket", reply)

    assert (refused["outcome"], refused["target"]) == ("failed", "zendesk")
    assert pool.second.received.count(method="PUT") == 0
