"""What happened to the decision log itself, in sentences."""

from typing import assert_never

from mcp_router.decide.wording import name
from mcp_router.domain.audit_event import AuditChange, AuditEvent

_LONGEST = 400  # characters of a reason


def happenings(event: AuditEvent) -> tuple[str, ...]:
    """Return who did what, and why where somebody said so."""
    told = f"{name(event.who) or 'Nobody in particular'} {_deed(event)}."
    why = name(event.why, longest=_LONGEST).rstrip(".")
    return (told, f"Why: {why}.") if why else (told,)


def _deed(event: AuditEvent) -> str:
    """Return what was done, as the end of a sentence."""
    match event.change:
        case AuditChange.KEYS_CHANGED:
            vouched = f", which key {event.signed_by} vouches for" if event.signed_by else ""
            return f"signs heads of the log with key {event.key_id} from now on{vouched}"
        case AuditChange.EXPORT_MADE:
            whose = f"tenant {name(event.tenant)}" if event.tenant else "all tenants"
            return f"exported the log of {whose} as {event.kind}"
        case AuditChange.LOG_PRUNED:
            return f"deleted rows 1 to {event.size} of the log"
        case AuditChange.ACTION_RESOLVED:
            return f"decided action {name(event.action_id or '')}: {event.state}"
        case _:
            assert_never(event.change)
