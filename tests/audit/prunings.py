"""Prunes a log as `audit prune` does, up to a given head and as far as one likes."""

from dataclasses import replace

from mcp_router.audit.heads import audit_record
from mcp_router.domain.audit_event import AuditChange, AuditEvent
from mcp_router.storage.store import open_archive, open_store
from mcp_router.testing.clock import ManualClock
from tests.audit.logs import bytes_of_order


async def prune(url: str, heads: int, *, sweep: int = 100) -> None:
    """Let go of what that many heads cover, and delete so many rows of it."""
    with open_archive(url) as archive:
        head = list(archive.heads())[heads - 1]

    event = AuditEvent(change=AuditChange.LOG_PRUNED, who="maya", size=head.head.size)
    told = audit_record(event, ManualClock(), bytes_of_order())
    store = open_store(url)
    await store.heads.prune(head, replace(told, decision_id=f"evt_{heads}"))
    await store.heads.sweep(sweep)
    await store.aclose()
