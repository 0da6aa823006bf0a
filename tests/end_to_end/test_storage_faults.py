"""A database that is full, locked or gone: nothing is sent that could not be remembered."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import httpx2
import pytest

from mcp_router.errors import StorageUnavailable
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.http import asgi
from tests.end_to_end.child import introduced
from tests.end_to_end.harness import (
    BRIEF_S,
    Place,
    call,
    connected,
    old_ticket,
    opened,
    settle,
    unique,
    until,
    writes,
)
from tests.served import served

SHORT_MS = 50
SELDOM = {"reconcile_every_s": 60.0}  # so that only the caller finds out


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold the database as another program would that never lets go."""
    with closing(sqlite3.connect(place.database, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield
        holder.execute("ROLLBACK")


async def test_while_the_database_is_locked_no_write_is_sent_and_reads_go_on(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}
    sent = sandbox.zendesk.received.count(method="PUT")

    async with connected(place, busy_timeout_ms=SHORT_MS) as client:
        with locked(place):
            refused = await client.call_tool("reply_to_ticket", dict(reply))
            read = await client.call_tool("lookup_ticket", {"ticket_id": ticket_id})
            said = await client.call_tool("route_completion", {"input": "Hello"})
            wrong = await client.call_tool("lookup_ticket", {})

        assert sandbox.zendesk.received.count(method="PUT") == sent
        done = await call(client, "reply_to_ticket", reply)

    told = refused.structured_content or {}
    assert refused.is_error
    assert set(told) == {"code", "message", "retryable", "next", "decision_id"}
    assert (told["code"], told["retryable"]) == ("storage_unavailable", True)
    assert [read.is_error, said.is_error] == [False, False]
    assert (wrong.structured_content or {})["code"] == "invalid_arguments"
    assert done["outcome"] == "succeeded"
    assert writes(sandbox, ticket_id) == 1
    assert place.outcomes() == [
        ("reply_to_ticket", "error", "storage_unavailable"),
        ("lookup_ticket", "ok", None),
        ("route_completion", "ok", None),
        ("lookup_ticket", "error", "invalid_arguments"),
        ("reply_to_ticket", "succeeded", None),
    ]


async def test_a_server_is_not_ready_while_it_cannot_remember(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)

    async with (
        opened(place, busy_timeout_ms=SHORT_MS) as app,
        served(asgi(app)) as url,
        httpx2.AsyncClient() as http,
    ):
        with locked(place):
            not_ready = await http.get(f"{url}/readyz")
            healthy = await http.get(f"{url}/healthz")

        ready = await http.get(f"{url}/readyz")

    assert (not_ready.status_code, not_ready.json()) == (503, {"status": "storage_unavailable"})
    assert [healthy.status_code, ready.status_code] == [200, 200]


async def test_a_locked_database_keeps_a_server_from_starting(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)

    async with opened(place):
        pass

    with sqlite3.connect(place.database) as fresh:
        fresh.execute("DROP TABLE _sqlite_migrations")  # so that a start has something to write

    fresh.close()

    with locked(place), pytest.raises(StorageUnavailable):
        async with opened(place, busy_timeout_ms=SHORT_MS):
            pass


async def test_a_write_that_cannot_be_settled_says_so_and_is_found_out_about_later(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox, ledger=SELDOM)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=1, method="PUT"))
    told: dict[str, object] = {}

    async with connected(place, busy_timeout_ms=SHORT_MS) as client:

        async def one() -> None:
            told.update(await call(client, "reply_to_ticket", reply))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            await until(lambda: writes(sandbox, ticket_id) == 1)

            with locked(place):
                await until(lambda: bool(told))

        again = await call(client, "reply_to_ticket", reply)
        replayed = await call(client, "reply_to_ticket", reply)

    assert (told["code"], told["retryable"]) == ("ledger_degraded", True)
    assert [again["outcome"], replayed["outcome"]] == ["succeeded", "replayed"]
    assert again["ref"] == {
        "id": ticket_id,
        "url": f"{sandbox.zendesk.url}/agent/tickets/{ticket_id}",
    }
    assert writes(sandbox, ticket_id) == 1


async def test_a_write_lost_while_the_database_is_locked_is_told_as_unknown(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox, patience_s=BRIEF_S, ledger=SELDOM)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=20, method="PUT"))
    told: dict[str, object] = {}

    async with connected(place, busy_timeout_ms=SHORT_MS) as client:

        async def one() -> None:
            told.update(await call(client, "reply_to_ticket", reply))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            await until(lambda: writes(sandbox, ticket_id) == 1)

            with locked(place):
                await until(lambda: bool(told))

        again = await call(client, "reply_to_ticket", reply)

    assert told["code"] == "outcome_unknown"
    assert again["outcome"] == "succeeded"
    assert writes(sandbox, ticket_id) == 1


async def test_a_full_disk_never_loses_or_doubles_a_write(sandbox: Sandbox, tmp_path: Path) -> None:
    place = settle(tmp_path, sandbox)
    tickets = [old_ticket(sandbox) for _ in range(40)]

    def reply(ticket_id: str) -> dict[str, str]:
        return {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": f"k{ticket_id}"}

    async with opened(place):
        pass  # the tables exist before the disk is full

    told: dict[str, str] = {}

    async with introduced(place, largest_file=200_000) as server:
        for ticket_id in tickets:
            answer = await server.call("reply_to_ticket", reply(ticket_id))
            told[ticket_id] = str(answer.get("outcome", answer.get("code")))

        server.process.terminate()
        ended = await server.ended()

    effects = {ticket_id: writes(sandbox, ticket_id) for ticket_id in tickets}
    expected = {"succeeded": 1, "ledger_degraded": 1, "storage_unavailable": 0}
    assert effects == {one: expected[outcome] for one, outcome in told.items()}
    assert {"succeeded", "storage_unavailable"} <= set(told.values())
    assert ended.code == 0
    assert "Traceback" not in ended.err

    async with connected(place) as client:  # somebody has made room
        again = [await call(client, "reply_to_ticket", reply(one)) for one in tickets]

    assert {str(one["outcome"]) for one in again} <= {"succeeded", "replayed"}
    assert [writes(sandbox, one) for one in tickets] == [1] * len(tickets)
