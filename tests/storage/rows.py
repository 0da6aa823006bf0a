"""Rows for tests of the stores and of what stands on them, no two fields alike."""

from mcp_router.canonical import canonical_json, plain
from mcp_router.domain.action import Action, ActionState, Strategy
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.tree_head import ExportRow, LogKey, SignedHead, TreeHead
from mcp_router.testing.clock import NOON_MS

LINK = bytes(range(32))
"""The link of every row that is exported without having been in a log."""


def action(
    name: str = "1",
    *,
    tenant: str = "acme",
    key: str | None = None,
    state: ActionState = ActionState.RESERVED,
    owner: str | None = "boot:1:2#call",
    run_id: str | None = None,
    strategy: Strategy = Strategy.CAS_MARKER,
    created_ms: int = NOON_MS,
    lease_until_ms: int = NOON_MS + 120_000,
    fingerprint: str = "1:aa",
) -> Action:
    return Action(
        action_id=f"act_{name}",
        tenant=tenant,
        principal="copilot",
        key=key if key is not None else f"key-{name}",
        tool="reply_to_ticket",
        target="zendesk",
        strategy=strategy,
        fingerprint=fingerprint,
        arguments_json='{"ticket_id":"7"}',
        state=state,
        created_ms=created_ms,
        updated_ms=created_ms,
        owner=owner,
        lease_until_ms=lease_until_ms,
        marker=f"act_{name}",
        run_id=run_id,
        object_id="7",
    )


def record(
    name: str = "1",
    *,
    tenant: str = "acme",
    tool: str = "lookup_ticket",
    outcome: str = "ok",
    latency_ms: int = 12,
) -> Record:
    return Record(
        decision_id=f"dec_{name}",
        at_ms=NOON_MS,
        tenant=tenant,
        principal="copilot",
        transport="stdio",
        tool=tool,
        outcome=outcome,
        latency_ms=latency_ms,
    )


LOG_KEY = LogKey(
    key_id="k1",
    public_key="aa",
    at_ms=NOON_MS,
    signed_by="k0",
    signature="bb",
    accepted="cc",
)


def signed_head(size: int, chain: bytes, *, previous: int = 0) -> SignedHead:
    return SignedHead(
        head=TreeHead(size=size, root="dd", chain=chain.hex(), at_ms=NOON_MS, key_id="k1"),
        signature="ee",
        previous=previous,
        frontier=("ff", "00"),
        consistency=("11",),
    )


def export_rows(*stored: StoredRecord) -> list[ExportRow]:
    """Return records as rows that an export takes, all of them with one link."""
    return [(one.seq, canonical_json(plain(one.record)), LINK) for one in stored]
