"""What docs/ledger.md says of keys, outcomes and evidence is so."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from mcp_router.audit.log import MOST_OWED
from mcp_router.desks.failures import classify_status
from mcp_router.domain.action import ARROWS
from mcp_router.domain.attempt import Evidence
from mcp_router.domain.case_mapping import CASE_PRIORITY, CASE_STATUS, TICKET_STATUS
from mcp_router.execute.reconciler import BATCH
from mcp_router.ledger.keys import WINDOW_MS
from mcp_router.ledger.strategies import NATIVE_KEY_MS, SETTLE_MS
from mcp_router.ledger_settings import LedgerSettings
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.door import CALL_META
from tests.docs.pages import text
from tests.docs.routers import host

PAGE = " ".join(text("ledger.md").split())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        yield running


async def test_keys_are_chosen_in_the_order_of_the_page(sandbox: Sandbox, tmp_path: Path) -> None:
    async with host(sandbox, tmp_path) as one:
        reply = {"ticket_id": 101, "body": "Sent."}

        assert await one.outcome(
            "reply_to_ticket", {**reply, "idempotency_key": "k", "run_id": "r"}
        ) == ("succeeded", "explicit")
        step = {CALL_META: "step-1"}
        assert await one.outcome("reply_to_ticket", {**reply, "run_id": "r"}, meta=step) == (
            "succeeded",
            "call",
        )
        assert await one.outcome("reply_to_ticket", {**reply, "run_id": "r"}) == (
            "succeeded",
            "slot",
        )
        assert await one.outcome("reply_to_ticket", reply) == ("succeeded", "heuristic")
        assert await one.outcome("reply_to_ticket", reply) == ("replayed", "heuristic")
        tag = {"ticket_id": 101, "add_tags": ["seen"]}
        assert await one.outcome("update_ticket", tag) == ("succeeded", "fresh")
        assert await one.outcome("update_ticket", tag) == ("succeeded", "fresh")


async def test_one_run_writes_one_reply_to_a_ticket_and_opens_one_ticket(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    async with host(sandbox, tmp_path) as one:
        for tool, first, second in (
            ("reply_to_ticket", {"ticket_id": 102, "body": "a"}, {"ticket_id": 102, "body": "b"}),
            ("create_ticket", {"subject": "a", "body": "a"}, {"subject": "b", "body": "b"}),
        ):
            done = await one.call(tool, {**first, "run_id": "run-1"})
            again = await one.call(tool, {**second, "run_id": "run-1"})

            assert done.result["outcome"] == "succeeded"
            assert (again.result["outcome"], again.is_error) == ("conflict", True)
            assert again.result["action_id"] == done.result["action_id"]


async def test_a_key_never_means_something_new(sandbox: Sandbox, tmp_path: Path) -> None:
    async with host(sandbox, tmp_path) as one:
        reply = {"ticket_id": 103, "body": "a", "idempotency_key": "k"}

        assert (await one.call("reply_to_ticket", reply)).result["outcome"] == "succeeded"
        assert (await one.call("reply_to_ticket", reply)).result["outcome"] == "replayed"
        other = await one.call("reply_to_ticket", {**reply, "body": "b"})
        assert other.result["outcome"] == "conflict"
        assert (await one.call("add_internal_note", reply)).result["outcome"] == "conflict"


async def test_a_changed_ticket_can_be_synced_again_in_one_run(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    async with host(sandbox, tmp_path) as one:
        sync = {"ticket_id": 104, "run_id": "run-1"}

        assert await one.outcome("sync_ticket_to_crm", dict(sync)) == ("succeeded", "slot")
        assert await one.outcome("sync_ticket_to_crm", dict(sync)) == ("replayed", "slot")
        change = {"ticket_id": 104, "priority": "urgent"}
        assert await one.outcome("update_ticket", change) == ("succeeded", "fresh")
        assert await one.outcome("sync_ticket_to_crm", dict(sync)) == ("succeeded", "slot")


async def test_a_dry_run_shows_the_write_and_sends_nothing(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    async with host(sandbox, tmp_path) as one:
        before = sandbox.zendesk.effects.count()
        done = await one.call("reply_to_ticket", {"ticket_id": 106, "body": "a", "dry_run": True})

        assert done.result["outcome"] == "dry_run"
        assert '"body":"a"' in str(done.result["write"])
        assert sandbox.zendesk.effects.count() == before


async def test_an_unknown_outcome_is_no_error_and_is_found_out_by_the_same_key(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    async with host(sandbox, tmp_path) as one:
        reply = {"ticket_id": 107, "body": "a", "idempotency_key": "k"}
        sandbox.zendesk.faults.clear()
        lose_the_answer_and_the_question(sandbox)

        first = await one.call("reply_to_ticket", reply)
        sandbox.zendesk.faults.clear()
        second = await one.call("reply_to_ticket", reply)

        assert (first.result["outcome"], first.is_error) == ("outcome_unknown", False)
        assert first.result["safe_to_retry"] is True
        assert second.result["outcome"] == "succeeded"
        assert sandbox.zendesk.received.count(method="PUT", path="/tickets/107") == 1


def lose_the_answer_and_the_question(sandbox: Sandbox) -> None:
    """Let an update be applied without an answer, and let nobody ask for its audits."""
    sandbox.zendesk.faults.add(
        Fault(kind=FaultKind.DROP_AFTER, method="PUT"),
        Fault(kind=FaultKind.DROP_BEFORE, path="audits", times=20),
    )


async def test_a_write_that_never_got_a_key_is_a_plain_error(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    async with host(sandbox, tmp_path) as one:
        missing = await one.call("sync_ticket_to_crm", {"ticket_id": 999})

        assert (missing.is_error, missing.result["code"]) == (True, "not_found")
        assert "outcome" not in missing.result


def test_the_statuses_of_the_page_are_the_ones_that_prove_a_refusal() -> None:
    [told] = re.findall(r"say that they refused: ([\d, ]+)\. \(A 409", PAGE)
    proof = [
        status
        for status in range(400, 600)
        if classify_status(status).evidence is Evidence.NOT_APPLIED
    ]

    assert [int(status) for status in told.split(", ")] == proof
    assert classify_status(307).evidence is Evidence.NOT_APPLIED


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    assert WINDOW_MS == 10 * 60 * 1000
    assert "within ten minutes" in PAGE
    assert NATIVE_KEY_MS == 110 * 60 * 1000
    assert "for 110 minutes: Zendesk keeps it for two hours" in PAGE
    assert SETTLE_MS == 10 * 60 * 1000
    assert "for our marker, for ten minutes" in PAGE
    assert BATCH == 32
    assert "32 at a time at most" in PAGE
    assert MOST_OWED == 10_000
    assert "at most 10,000 of them" in PAGE


def test_times_of_the_page_are_the_defaults() -> None:
    times = LedgerSettings()

    assert times == LedgerSettings(lease_s=30, reconcile_every_s=5, retention_days=30)
    assert "Where the lease of 30 seconds ends" in PAGE
    assert "renews its leases every ten seconds" in PAGE
    assert "Every five seconds it takes up" in PAGE
    assert "kept for 30 days and repeated byte for byte" in PAGE


def test_the_arrows_of_the_page_are_those_of_the_ledger() -> None:
    told = {
        (start, end.strip())
        for line in re.findall(r"^    (\w[\w |>-]+)$", text("ledger.md"), flags=re.MULTILINE)
        for chain in [[part.split("|") for part in line.split("->")]]
        for starts, ends in pairwise(chain)
        for start in map(str.strip, starts)
        for end in ends
    }
    # What only the ledger itself needs: to go back after a proof, to stay, to fail at the start.
    inner = {
        ("reserved", "reserved"),
        ("reserved", "failed"),
        ("sending", "reserved"),
        ("unknown", "unknown"),
    }

    assert told | inner == {(str(a), str(b)) for a, ends in ARROWS.items() for b in ends}
    assert told & inner == set()


def test_the_mapping_of_the_page_is_that_of_the_code() -> None:
    assert {str(status): case for status, case in CASE_STATUS.items()} == {
        "new": "New",
        **dict.fromkeys(["open", "pending", "hold"], "Working"),
        **dict.fromkeys(["solved", "closed"], "Closed"),
    }
    assert {str(one): case for one, case in CASE_PRIORITY.items()} == {
        "low": "Low",
        "normal": "Medium",
        "high": "High",
        "urgent": "High",
    }
    assert {case: str(status) for case, status in TICKET_STATUS.items()} == {
        "New": "open",
        "Working": "open",
        "Escalated": "open",
        "Closed": "solved",
    }
