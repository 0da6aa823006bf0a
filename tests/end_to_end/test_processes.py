"""The server as a process of its own: signals, closed pipes, kills, and two on one database."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client

from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.storage.store import open_archive
from tests.end_to_end.child import Child, child, introduced
from tests.end_to_end.harness import (
    LEGACY,
    MODERN,
    Arguments,
    Place,
    Reply,
    call,
    comments,
    old_ticket,
    settle,
    unique,
    until,
    writes,
)

CANARY = "canary-4929-1111"


def close_stdin(server: Child) -> None:
    assert server.process.stdin is not None
    server.process.stdin.close()


def terminate(server: Child) -> None:
    server.process.send_signal(signal.SIGTERM)


def interrupt(server: Child) -> None:
    server.process.send_signal(signal.SIGINT)


def action_states(place: Place) -> list[tuple[str, int]]:
    with open_archive(place.storage) as archive:
        return [(one.state.value, one.attempts) for one in archive.actions(None, 10)]


@pytest.mark.parametrize("end", [close_stdin, terminate, interrupt])
async def test_a_server_over_stdio_ends_after_the_write_under_way(
    end: Callable[[Child], None], sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=0.4, method="PUT"))

    async with introduced(place) as server:
        await server.start("reply_to_ticket", {"ticket_id": ticket_id, "body": "On its way."})
        await until(lambda: writes(sandbox, ticket_id) == 1)
        end(server)
        ended = await server.ended()

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "" or '"outcome":"succeeded"' in ended.out.replace('\\"', '"')
    assert action_states(place) == [("succeeded", 1)]
    assert place.outcomes() == [("reply_to_ticket", "succeeded", None)]
    assert writes(sandbox, ticket_id) == 1


async def test_a_host_that_dies_leaves_a_finished_write_behind(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=0.4, method="PUT"))

    async with introduced(place) as server:
        await server.start("reply_to_ticket", {"ticket_id": ticket_id, "body": "On its way."})
        await until(lambda: writes(sandbox, ticket_id) == 1)
        close_stdin(server)
        server.stop_reading()
        ended = await server.ended()

    assert ended.code == 0
    assert "Traceback" not in ended.err
    assert action_states(place) == [("succeeded", 1)]
    assert place.outcomes() == [("reply_to_ticket", "succeeded", None)]


async def test_calls_that_a_script_pipes_in_are_answered_before_the_end(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    sandbox.zendesk.faults.add(
        Fault(kind=FaultKind.SLOW, delay_s=0.2, method="GET"),
        Fault(kind=FaultKind.SLOW, delay_s=0.2, method="PUT"),
    )
    sandbox.models_state.latency_ms = 200

    async with introduced(place) as server:
        started = [
            await server.start("lookup_ticket", {"ticket_id": 101}),
            await server.start("reply_to_ticket", {"ticket_id": ticket_id, "body": "Done."}),
            await server.start("route_completion", {"input": "Hello"}),
            await server.start("no_such_tool", {}),
        ]
        close_stdin(server)
        ended = await server.ended()

    answers = {one["id"]: one for one in map(json.loads, ended.out.splitlines())}
    assert set(answers) == set(started)
    assert ["result" in answers[one] for one in started] == [True, True, True, False]
    assert (ended.code, ended.err) == (0, "")
    outcomes = sorted(outcome for _, outcome, _ in place.outcomes())
    assert outcomes == ["error", "ok", "ok", "succeeded"]
    assert writes(sandbox, ticket_id) == 1


async def test_a_server_over_http_answers_what_is_under_way_before_it_ends(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=2, method="PUT"))
    reply = {"ticket_id": ticket_id, "body": "On its way."}

    async with child(place, "--transport", "http", "--port", "0") as server:
        url = await server.url()

        async with (
            httpx2.AsyncClient() as watching,
            # A stream that nobody speaks on must not hold the server back.
            watching.stream("GET", f"{url}/sse") as idle,
            Client(f"{url}/mcp", mode=MODERN) as client,
        ):
            # The stream's first event says where its messages go.
            lines = idle.aiter_lines()
            await anext(lines)
            session = (await anext(lines)).removeprefix("data: ")
            malformed = await watching.post(f"{url}{session}", content=f'{{"{CANARY}": 1}}')
            await client.list_tools()  # else the client asks for the schemas afterwards
            under_way = asyncio.create_task(call(client, "reply_to_ticket", reply))
            await until(lambda: writes(sandbox, ticket_id) == 1)
            terminate(server)
            told = await under_way
            ended = await server.ended()

    assert idle.status_code == 200
    assert malformed.status_code == 400
    assert told["outcome"] == "succeeded"
    assert (ended.code, ended.out) == (0, "")
    assert "Traceback" not in ended.err
    assert CANARY not in ended.err
    assert action_states(place) == [("succeeded", 1)]
    assert writes(sandbox, ticket_id) == 1


@asynccontextmanager
async def entered(door: str, url: str) -> AsyncIterator[Client]:
    where = sse_client(f"{url}/sse") if door == "sse" else f"{url}/mcp"

    async with Client(where, mode=MODERN if door == "http" else LEGACY) as client:
        yield client


async def test_a_host_that_hangs_up_leaves_a_finished_write_behind(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    doors = ("http", "http-legacy", "sse")
    tickets = {door: old_ticket(sandbox) for door in doors}
    place = settle(tmp_path, sandbox)
    again = {}

    async with child(place, "--transport", "http", "--port", "0") as server:
        url = await server.url()

        for number, (door, ticket_id) in enumerate(tickets.items()):
            sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=2, method="PUT"))
            reply = {"ticket_id": ticket_id, "body": "Done.", "idempotency_key": unique("key")}

            async with entered(door, url) as client:
                gone = asyncio.create_task(call(client, "reply_to_ticket", reply))
                await until(partial(applied, sandbox, ticket_id))
                gone.cancel()
                await asyncio.wait([gone])
                assert gone.cancelled()

            await until(partial(recorded, place, 2 * number + 1))

            async with entered(door, url) as client:
                again[door] = (await call(client, "reply_to_ticket", reply))["outcome"]

        interrupt(server)
        ended = await server.ended()

    assert again == dict.fromkeys(doors, "replayed")
    assert [writes(sandbox, ticket_id) for ticket_id in tickets.values()] == [1, 1, 1]
    assert [outcome for _, outcome, _ in place.outcomes()] == ["succeeded", "replayed"] * 3
    assert ended.code == 0
    assert "Traceback" not in ended.err


def applied(sandbox: Sandbox, ticket_id: str) -> bool:
    return writes(sandbox, ticket_id) == 1


def recorded(place: Place, count: int) -> bool:
    return len(place.records()) == count


async def test_a_killed_server_has_kept_what_it_told_and_the_next_one_finds_out_the_rest(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    told_of, cut_short = old_ticket(sandbox), old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    reply = {"ticket_id": cut_short, "body": "On its way.", "idempotency_key": unique("key")}

    async with introduced(place) as server:
        told = await server.call("reply_to_ticket", {"ticket_id": told_of, "body": "Hello."})
        sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=5, method="PUT"))
        await server.start("reply_to_ticket", reply)
        await until(lambda: writes(sandbox, cut_short) == 1)
        server.process.kill()
        killed = await server.ended()

    assert killed.code == -signal.SIGKILL
    assert [(one.outcome, one.action_id) for one in place.records()] == [
        ("succeeded", told["action_id"])
    ]
    assert action_states(place) == [("sending", 1), ("succeeded", 1)]

    async with introduced(place) as server:
        found = await settled(server, reply)
        again = await server.call("reply_to_ticket", reply)
        close_stdin(server)
        assert (await server.ended()).code == 0

    # Replayed where the server's own reconciler has found it out first.
    assert found["outcome"] in ("succeeded", "replayed")
    assert again["outcome"] == "replayed"
    assert action_states(place) == [("succeeded", 1), ("succeeded", 1)]
    assert [one.body for one in comments(sandbox, cut_short)] == ["On its way."]


async def settled(server: Child, reply: Arguments) -> Reply:
    """Call until the reconciler, which may be looking into it just then, has let go of it."""
    with anyio.fail_after(30):
        while True:
            found = await server.call("reply_to_ticket", reply)

            if found["outcome"] != "in_progress":
                return found


async def test_two_servers_on_one_database_have_one_effect_for_one_key(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": unique("key")}
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=2, method="PUT"))
    races = [
        {"ticket_id": old_ticket(sandbox), "body": "Now.", "idempotency_key": unique("key")}
        for _ in range(5)
    ]

    async with introduced(place) as one, introduced(place) as two:
        first = await one.start("reply_to_ticket", reply)
        await until(lambda: writes(sandbox, ticket_id) == 1)
        meanwhile = await two.call("reply_to_ticket", reply)
        answer = await one.answer(first)
        afterwards = await two.call("reply_to_ticket", reply)

        # Without any order between them as well, over and over.
        raced = [
            await asyncio.gather(
                one.call("reply_to_ticket", wanted), two.call("reply_to_ticket", wanted)
            )
            for wanted in races
        ]

        for server in (one, two):
            close_stdin(server)
            assert (await server.ended()).code == 0

    assert '"outcome":"succeeded"' in str(answer)
    assert [meanwhile["outcome"], afterwards["outcome"]] == ["in_progress", "replayed"]
    assert writes(sandbox, ticket_id) == 1
    assert [outcome for _, outcome, _ in place.outcomes()][:3] == [
        "in_progress",
        "succeeded",
        "replayed",
    ]
    assert len(place.records()) == 3 + 2 * len(races)
    assert [writes(sandbox, str(wanted["ticket_id"])) for wanted in races] == [1] * len(races)

    for pair in raced:
        outcomes = {str(one["outcome"]) for one in pair}
        assert outcomes in ({"succeeded", "in_progress"}, {"succeeded", "replayed"})
        assert pair[0]["action_id"] == pair[1]["action_id"]
