"""Every tool that writes says how a lost answer is found out about, and its desks say the same."""

from dataclasses import replace
from pathlib import Path

import pytest
from mcp import Client

from mcp_router.app import App
from mcp_router.canonical import JsonValue
from mcp_router.desks.salesforce import SalesforceDesk
from mcp_router.desks.zendesk import ZendeskDesk
from mcp_router.domain.action import Strategy
from mcp_router.domain.effect import Effect
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import MissingStrategy, NotConfigured
from mcp_router.ledger.parcel import unpack
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.mcp import build_server
from mcp_router.tools import find_customer, reply_to_ticket
from mcp_router.tools.registry import REGISTRY
from tests.end_to_end.harness import call, old_ticket, opened, settle

CALLS: dict[str, dict[str, JsonValue]] = {
    "create_ticket": {"subject": "A box", "body": "Empty."},
    "reply_to_ticket": {"body": "Word."},
    "add_internal_note": {"body": "Word."},
    "update_ticket": {"priority": "high"},
    "escalate_to_human": {"reason": "refund", "summary": "Asks."},
    "sync_ticket_to_crm": {},
    "sync_crm_to_ticket": {},
}


def declared_by_desks(app: App, write: DeskWrite) -> dict[str, Strategy]:
    """Return what each kind of desk that can take the write says of it."""
    said = {}

    for desk in app.targets.desks.values():
        assert isinstance(desk, ZendeskDesk | SalesforceDesk)

        try:
            said[desk.kind] = desk.strategy(write)
        except NotConfigured:
            continue

    return said


async def test_each_tool_declares_for_each_kind_of_desk_what_the_desk_itself_says(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    ticket_id = old_ticket(sandbox)

    async with (
        opened(settle(tmp_path, sandbox)) as app,
        Client(build_server(app)) as client,
    ):
        for name, arguments in CALLS.items():
            (tool,) = (one for one in REGISTRY if one.name == name)
            about = {} if name == "create_ticket" else {"ticket_id": ticket_id}
            told = await call(client, name, {**about, **arguments})
            row = await app.store.actions.by_id("local", str(told["action_id"]))

            assert told["outcome"] == "succeeded", name
            assert row is not None, name
            assert declared_by_desks(app, unpack(row.write_json)) == tool.strategies, name
            assert row.strategy == tool.strategies[row.target], name


def test_every_tool_that_writes_is_held_to_that_and_no_reader_declares_anything() -> None:
    writing = {tool.name for tool in REGISTRY if tool.effect is not Effect.READ}

    assert writing == set(CALLS)
    assert {tool.name for tool in REGISTRY if tool.strategies} == writing


@pytest.mark.parametrize("effect", [Effect.IDEMPOTENT_WRITE, Effect.NON_IDEMPOTENT_WRITE])
def test_a_tool_that_writes_and_declares_no_strategy_cannot_be_made(effect: Effect) -> None:
    with pytest.raises(MissingStrategy) as refused:
        replace(reply_to_ticket.TOOL, effect=effect, strategies={})

    assert refused.value.code == "missing_strategy"


def test_a_tool_that_only_reads_needs_none() -> None:
    assert find_customer.TOOL.strategies == {}
    assert replace(reply_to_ticket.TOOL, effect=Effect.READ, strategies={}).strategies == {}
