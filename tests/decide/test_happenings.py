"""Events of the log are told in sentences."""

from mcp_router.decide.happenings import happenings
from mcp_router.domain.audit_event import AuditChange, AuditEvent


def told(change: AuditChange, **fields: object) -> list[str]:
    return list(happenings(AuditEvent(change=change, who="maya", **fields)))  # type: ignore[arg-type]  # as each change has them


def test_each_event_says_who_did_what_and_why() -> None:
    assert told(AuditChange.KEYS_CHANGED, key_id="b2", signed_by="a1", why="it is old") == [
        "maya signs heads of the log with key b2 from now on, which key a1 vouches for.",
        "Why: it is old.",
    ]
    assert told(AuditChange.KEYS_CHANGED, key_id="b2") == [
        "maya signs heads of the log with key b2 from now on."
    ]
    assert told(AuditChange.EXPORT_MADE, kind="csv", tenant="acme") == [
        "maya exported the log of tenant acme as csv."
    ]
    assert told(AuditChange.EXPORT_MADE, kind="jsonl") == [
        "maya exported the log of all tenants as jsonl."
    ]
    assert told(AuditChange.LOG_PRUNED, size=7) == ["maya deleted rows 1 to 7 of the log."]
    assert told(AuditChange.ACTION_RESOLVED, action_id="act_1", state="applied") == [
        "maya decided action act_1: applied."
    ]
