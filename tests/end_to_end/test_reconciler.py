"""What becomes of a write whose caller is gone: it is found out without one."""

from pathlib import Path

import anyio
import httpx2

from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.http import asgi
from tests.end_to_end.child import Child, introduced
from tests.end_to_end.harness import (
    Place,
    call,
    connected,
    old_ticket,
    opened,
    reply_of,
    settle,
    unique,
    until,
    writes,
)
from tests.served import served

QUICK = {"reconcile_every_s": 0.05}


async def decided(place: Place, server: Child) -> dict[str, object]:
    """Wait until the one action of a place is decided; nobody repeats its call."""
    with anyio.fail_after(30):
        while True:
            action_id = await first_action(place)
            told = await server.call("get_action", {"action_id": action_id})

            if told["state"] in ("succeeded", "failed", "needs_human"):
                return told

            await anyio.sleep(0.02)


async def shown(http: httpx2.AsyncClient, url: str, number: int) -> None:
    """Wait until the metrics show that many unknown actions."""
    line = f'mcp_router_actions_undecided{{target="zendesk",state="unknown"}} {number}\n'

    with anyio.fail_after(30):
        while line not in (await http.get(f"{url}/metrics")).text:  # noqa: ASYNC110  # no event here
            await anyio.sleep(0.02)


async def first_action(place: Place) -> str:
    """Return the id of the one action of a place."""
    async with opened(place) as app:
        (found,) = await app.store.actions.of_run("local", "run-1", 10)

    return found.action_id


async def test_a_write_that_was_applied_before_the_crash_is_found_without_its_caller(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox, ledger=QUICK)
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.SLOW, delay_s=5, method="PUT"))
    reply = {"ticket_id": ticket_id, "body": "On its way.", "run_id": "run-1"}

    async with introduced(place) as server:
        await server.start("reply_to_ticket", reply)
        await until(lambda: writes(sandbox, ticket_id) == 1)
        server.process.kill()

    async with introduced(place) as server:
        told = await decided(place, server)

    assert (told["state"], told["attempts"]) == ("succeeded", 1)
    assert writes(sandbox, ticket_id) == 1


async def test_a_write_that_never_arrived_is_sent_again_without_its_caller(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox, ledger=QUICK)
    lost = Fault(kind=FaultKind.DROP_BEFORE, method="PUT", times=3)
    sandbox.zendesk.faults.add(lost)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "run_id": "run-1"}

    async with connected(place) as client:
        told = await call(client, "reply_to_ticket", reply)

        await until(lambda: writes(sandbox, ticket_id) == 1)
        replayed = await call(client, "reply_to_ticket", reply)

    assert told["outcome"] == "outcome_unknown"
    assert replayed["outcome"] in ("replayed", "in_progress")
    assert writes(sandbox, ticket_id) == 1


async def test_a_replay_says_the_same_bytes_as_the_first_answer(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox)
    key = unique("key")
    reply = {"ticket_id": ticket_id, "body": "On its way.", "idempotency_key": key}

    async with connected(place) as client:
        first = await client.call_tool("reply_to_ticket", dict(reply))

    async with connected(place) as client:
        again = await client.call_tool("reply_to_ticket", dict(reply))

    texts = [
        one.content[0].text.replace(f'"{name}"', '""')  # type: ignore[union-attr]  # all text
        for one in (first, again)
        for name in (str(reply_of(one)["decision_id"]),)
    ]
    assert texts[0].replace('"outcome":"succeeded"', '"outcome":"replayed"') == texts[1]
    assert writes(sandbox, ticket_id) == 1


async def test_what_is_open_is_counted_for_operators(sandbox: Sandbox, tmp_path: Path) -> None:
    ticket_id = old_ticket(sandbox)
    place = settle(tmp_path, sandbox, ledger=QUICK)
    reply = {"ticket_id": ticket_id, "body": "On its way.", "run_id": "run-1"}

    async with (
        opened(place) as app,
        served(asgi(app)) as url,
        httpx2.AsyncClient() as http,
        connected(place) as client,
    ):
        sandbox.zendesk.faults.add(Fault(kind=FaultKind.DROP_BEFORE, times=500))
        told = await call(client, "reply_to_ticket", reply)
        # Nothing of the desk can be read: the call ends before it has sent anything.
        assert (told["outcome"], told["code"]) == ("failed", "desk_unavailable")
        sandbox.zendesk.faults.clear()
        sandbox.zendesk.faults.add(Fault(kind=FaultKind.DROP_BEFORE, method="PUT", times=500))
        told = await call(client, "reply_to_ticket", reply)
        assert told["outcome"] == "outcome_unknown"

        await shown(http, url, 1)
        sandbox.zendesk.faults.clear()
        await shown(http, url, 0)

    assert writes(sandbox, ticket_id) == 1
