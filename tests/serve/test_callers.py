"""Who may call what over HTTP: tokens, scopes, and tenants that cannot see each other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.http import asgi
from tests.end_to_end.harness import (
    LEGACY,
    MODERN,
    Place,
    call,
    comments,
    old_ticket,
    opened,
    settle,
    token,
    unique,
)
from tests.served import served

PROBE = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPT = {"accept": "application/json, text/event-stream"}


@pytest.fixture
def place(sandbox: Sandbox, tmp_path: Path) -> Place:
    return settle(
        tmp_path,
        sandbox,
        tokens=(
            token("acme-secret", "acme"),
            token("globex-secret", "globex"),
            token("reader-secret", "acme", ("read",)),
            token("writer-secret", "acme", ("write",)),
        ),
    )


@asynccontextmanager
async def listening(place: Place) -> AsyncIterator[str]:
    async with opened(place) as app, served(asgi(app)) as url:
        yield url


@asynccontextmanager
async def entered(
    url: str, secret: str, *, mode: str = MODERN, key: str | None = None
) -> AsyncIterator[Client]:
    """Connect with a bearer token, and perhaps with a key that goes with every request."""
    headers = {"authorization": f"Bearer {secret}", **({"idempotency-key": key} if key else {})}

    async with AsyncExitStack() as stack:
        if mode == "sse":
            transport = sse_client(f"{url}/sse", headers=headers)
        else:
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers))
            transport = streamable_http_client(f"{url}/mcp", http_client=http)

        mode = LEGACY if mode == "sse" else mode
        yield await stack.enter_async_context(Client(transport, mode=mode))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer"},
        {"authorization": "Basic YWNtZS1zZWNyZXQ="},
        {"authorization": "acme-secret"},
    ],
)
async def test_without_a_configured_token_every_transport_answers_401(
    headers: dict[str, str], place: Place
) -> None:
    async with listening(place) as url, httpx2.AsyncClient(headers=headers) as client:
        answers = [
            await client.post(f"{url}/mcp", json=PROBE, headers=ACCEPT),
            await client.get(f"{url}/mcp", headers=ACCEPT),
            await client.get(f"{url}/sse"),
            await client.post(f"{url}/messages/?session_id={'0' * 32}", json=PROBE),
        ]
        open_to_all = [(await client.get(f"{url}{path}")).status_code for path in OPERATORS]

    assert [answer.status_code for answer in answers] == [401] * 4

    for answer in answers:
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert answer.json()["code"] == "unauthenticated"
        assert answer.json()["retryable"] is False
        assert "wrong" not in answer.text

    assert open_to_all == [200] * 3
    assert place.records() == ()


OPERATORS = ("/healthz", "/readyz", "/metrics")


@pytest.mark.parametrize("mode", [MODERN, LEGACY, "sse"])
async def test_one_tenant_cannot_see_replay_or_explain_anothers(
    mode: str, place: Place, sandbox: Sandbox
) -> None:
    tickets = [old_ticket(sandbox) for _ in range(2)]
    key = unique("key")
    replies = [{"ticket_id": one, "body": "On its way.", "idempotency_key": key} for one in tickets]

    async with (
        listening(place) as url,
        entered(url, "acme-secret", mode=mode) as acme,
        entered(url, "globex-secret", mode=mode) as globex,
    ):
        ours = await call(acme, "reply_to_ticket", replies[0])
        theirs = await call(globex, "reply_to_ticket", replies[1])
        routed = await call(acme, "route_completion", {"input": "Hello", "run_id": "run-1"})
        action, decision = str(ours["action_id"]), str(routed["decision_id"])
        seen = await call(acme, "get_action", {"action_id": action})
        told = await call(acme, "explain_decision", {"decision_id": decision})
        unseen = await call(globex, "get_action", {"action_id": action})
        untold = await call(globex, "explain_decision", {"decision_id": decision})

    assert [ours["outcome"], theirs["outcome"]] == ["succeeded", "succeeded"]
    assert ours["action_id"] != theirs["action_id"]
    assert [len(comments(sandbox, one)) for one in tickets] == [1, 1]
    assert (seen["state"], told["outcome"]) == ("succeeded", "ok")
    assert (unseen["code"], untold["code"]) == ("unknown_action", "unknown_decision")
    assert [(one.tenant, one.principal, one.tool) for one in place.records()] == [
        ("acme", "copilot-of-acme", "reply_to_ticket"),
        ("globex", "copilot-of-globex", "reply_to_ticket"),
        ("acme", "copilot-of-acme", "route_completion"),
        ("acme", "copilot-of-acme", "get_action"),
        ("acme", "copilot-of-acme", "explain_decision"),
        ("globex", "copilot-of-globex", "get_action"),
        ("globex", "copilot-of-globex", "explain_decision"),
    ]


async def test_the_model_is_not_told_what_another_tenants_run_has_done(
    place: Place, sandbox: Sandbox
) -> None:
    reply = {"ticket_id": old_ticket(sandbox), "body": "On its way.", "run_id": "run-1"}
    question = unique("And now?")

    async with (
        listening(place) as url,
        entered(url, "acme-secret") as acme,
        entered(url, "globex-secret") as globex,
    ):
        await call(acme, "reply_to_ticket", reply)
        await call(globex, "route_completion", {"input": question, "run_id": "run-1"})

    (asked,) = [
        one
        for one in sandbox.models_state.requests()
        if any(message.content == question for message in one.request.messages)
    ]
    assert len(asked.request.messages) == 1


async def test_a_missing_scope_is_refused_and_recorded(place: Place, sandbox: Sandbox) -> None:
    ticket_id = old_ticket(sandbox)

    async with (
        listening(place) as url,
        entered(url, "reader-secret") as reader,
        entered(url, "writer-secret") as writer,
    ):
        read = await call(reader, "lookup_ticket", {"ticket_id": ticket_id})
        unread = await call(writer, "lookup_ticket", {"ticket_id": ticket_id})
        written = await call(writer, "add_internal_note", {"ticket_id": ticket_id, "body": "Yes"})
        unwritten = await call(reader, "add_internal_note", {"ticket_id": ticket_id, "body": "No"})

    assert read["id"] == ticket_id
    assert written["outcome"] == "succeeded"
    assert (unread["code"], unread["retryable"]) == ("missing_scope", False)
    assert (unwritten["code"], unwritten["message"]) == (
        "missing_scope",
        "This tool needs the scope write.",
    )
    assert [one.body for one in comments(sandbox, ticket_id)] == ["Yes"]
    assert place.outcomes() == [
        ("lookup_ticket", "ok", None),
        ("lookup_ticket", "error", "missing_scope"),
        ("add_internal_note", "succeeded", None),
        ("add_internal_note", "error", "missing_scope"),
    ]


@pytest.mark.parametrize("mode", [MODERN, LEGACY, "sse"])
async def test_the_header_names_a_write(mode: str, place: Place, sandbox: Sandbox) -> None:
    ticket_id, key = old_ticket(sandbox), unique("key")
    note = {"ticket_id": ticket_id, "body": "Called twice."}

    async with (
        listening(place) as url,
        entered(url, "acme-secret", mode=mode, key=key) as client,
    ):
        first = await call(client, "add_internal_note", note)
        again = await call(client, "add_internal_note", note)

    assert [(one["outcome"], one["idempotency_key"], one["dedupe"]) for one in (first, again)] == [
        ("succeeded", key, "explicit"),
        ("replayed", key, "explicit"),
    ]
    assert len(comments(sandbox, ticket_id)) == 1
