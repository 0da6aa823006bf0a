"""The JSON that the API shows of each record: names and shapes of the OpenAPI file.

Members that the file does not allow to be null are left out where there is no value.
"""

from datetime import UTC, datetime

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.exchange import JsonObject, Origin
from mcp_router.sandbox.zendesk.records import (
    Audit,
    Comment,
    FieldEvent,
    Group,
    Organization,
    Ticket,
    User,
)

_API_VIA: JsonObject = {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}}


def stamp(second: int) -> str:
    """Return a time as Zendesk writes it.

    >>> stamp(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ticket_json(ticket: Ticket, base: str) -> dict[str, JsonValue]:
    """Return a ticket; `base` is the address of the API."""
    fields = ticket.fields
    return {
        "url": f"{base}/tickets/{ticket.id}.json",
        "id": ticket.id,
        "external_id": fields.external_id,
        "via": _API_VIA,
        "created_at": stamp(ticket.created_s),
        "updated_at": stamp(ticket.updated_s),
        "generated_timestamp": ticket.updated_s,
        "type": fields.type,
        "subject": fields.subject,
        "raw_subject": fields.subject or "",
        "description": ticket.description,
        "priority": fields.priority,
        "status": fields.status,
        "requester_id": fields.requester_id,
        "submitter_id": ticket.submitter_id,
        "assignee_id": fields.assignee_id,
        "organization_id": fields.organization_id,
        "group_id": fields.group_id,
        "collaborator_ids": [],
        "follower_ids": [],
        "email_cc_ids": [],
        "problem_id": None,
        "has_incidents": False,
        "is_public": ticket.is_public,
        "due_at": None,
        "tags": list(fields.tags),
        "custom_fields": [],
        "satisfaction_rating": {"score": "unoffered"},
        "sharing_agreement_ids": [],
        "custom_status_id": None,
        "fields": [],
        "followup_ids": [],
        "brand_id": None,
        "allow_channelback": False,
        "allow_attachments": True,
        "from_messaging_channel": False,
    }


def comment_json(comment: Comment) -> dict[str, JsonValue]:
    """Return an entry of a ticket's conversation."""
    return {
        **_comment_event(comment),
        "via": _API_VIA,
        "created_at": stamp(comment.created_s),
        "metadata": {"system": _system(comment.origin)},
    }


def audit_json(audit: Audit) -> dict[str, JsonValue]:
    """Return a write to a ticket, its comment first among the events."""
    comments = () if audit.comment is None else (_comment_event(audit.comment),)
    return {
        "id": audit.id,
        "ticket_id": audit.ticket_id,
        "created_at": stamp(audit.created_s),
        "author_id": audit.origin.author_id,
        "metadata": {"system": _system(audit.origin), "custom": audit.custom},
        "events": [*comments, *(_field_event(event) for event in audit.fields)],
        "via": _API_VIA,
    }


def user_json(user: User, base: str) -> dict[str, JsonValue]:
    """Return a person as an agent sees them."""
    shown: dict[str, JsonValue] = {
        "id": user.id,
        "url": f"{base}/users/{user.id}.json",
        "name": user.name,
        "email": user.email,
        "created_at": stamp(user.created_s),
        "updated_at": stamp(user.created_s),
        "time_zone": "UTC",
        "iana_time_zone": "Etc/UTC",
        "phone": user.phone,
        "shared_phone_number": None,
        "photo": None,
        "locale_id": 1,
        "locale": "en-US",
        "organization_id": user.organization_id,
        "role": user.role,
        "verified": True,
        "external_id": user.external_id,
        "tags": [],
        "alias": "",
        "active": True,
        "shared": False,
        "shared_agent": False,
        "two_factor_auth_enabled": None,
        "signature": "",
        "details": "",
        "notes": "",
        "role_type": None,
        "custom_role_id": None,
        "moderator": user.works_here,
        "ticket_restriction": None if user.works_here else "requested",
        "only_private_comments": False,
        "restricted_agent": not user.works_here,
        "suspended": False,
        "report_csv": False,
        "user_fields": {},
    }

    if user.default_group_id is not None:
        shown["default_group_id"] = user.default_group_id

    return shown


def organization_json(organization: Organization, base: str) -> dict[str, JsonValue]:
    """Return a company."""
    return {
        "url": f"{base}/organizations/{organization.id}.json",
        "id": organization.id,
        "name": organization.name,
        "shared_tickets": False,
        "shared_comments": False,
        "external_id": None,
        "created_at": stamp(organization.created_s),
        "updated_at": stamp(organization.created_s),
        "domain_names": list(organization.domain_names),
        "details": "",
        "notes": organization.notes,
        "group_id": None,
        "tags": list(organization.tags),
        "organization_fields": {},
    }


def group_json(group: Group, base: str) -> dict[str, JsonValue]:
    """Return a team of agents."""
    return {
        "url": f"{base}/groups/{group.id}.json",
        "id": group.id,
        "is_public": True,
        "name": group.name,
        "description": group.description,
        "default": group.default,
        "deleted": False,
        "created_at": stamp(group.created_s),
        "updated_at": stamp(group.created_s),
    }


def _comment_event(comment: Comment) -> dict[str, JsonValue]:
    return {
        "id": comment.id,
        "type": "Comment",
        "author_id": comment.author_id,
        "body": comment.body,
        "html_body": comment.html_body,
        "plain_body": comment.body,
        "public": comment.public,
        "attachments": [],
        "audit_id": comment.audit_id,
    }


def _field_event(event: FieldEvent) -> dict[str, JsonValue]:
    shown: dict[str, JsonValue] = {
        "id": event.id,
        "type": "Create" if event.created else "Change",
        "value": event.value,
        "field_name": event.field_name,
    }

    if not event.created:
        shown["previous_value"] = event.previous

    return shown


def _system(origin: Origin) -> JsonObject:
    return {"client": origin.client, "ip_address": origin.ip_address}
