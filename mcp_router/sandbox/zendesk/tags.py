"""The tags of a ticket. As the OpenAPI file says: PUT adds, POST sets, DELETE removes."""

from collections.abc import Mapping

from mcp_router.sandbox.zendesk.exchange import Answer, Ask, JsonObject
from mcp_router.sandbox.zendesk.history import Written
from mcp_router.sandbox.zendesk.state import ZendeskState
from mcp_router.sandbox.zendesk.ticket_body import read_tags
from mcp_router.sandbox.zendesk.tickets import existing, identity


def list_tags(state: ZendeskState, ask: Ask) -> Answer:
    """GET /tickets/{id}/tags."""
    return Answer(body={"tags": list(existing(state, ask).fields.tags)})


def add_tags(state: ZendeskState, ask: Ask) -> Answer:
    """PUT /tickets/{id}/tags: the others stay."""
    guard = _members(ask)
    tags = read_tags(guard.get("tags"))
    return _tagged(state.retag(identity(ask.name), guard, ask.origin, add=tags))


def set_tags(state: ZendeskState, ask: Ask) -> Answer:
    """POST /tickets/{id}/tags: the others go. Answers 201."""
    guard = _members(ask)
    tags = read_tags(guard.get("tags"))
    written = state.retag(identity(ask.name), guard, ask.origin, add=tags, replace=True)
    return _tagged(written, status=201)


def remove_tags(state: ZendeskState, ask: Ask) -> Answer:
    """DELETE /tickets/{id}/tags, named in the body or, comma-separated, in the query."""
    guard = _members(ask)
    tags = {*read_tags(guard.get("tags")), *read_tags(ask.argument("tags"))}
    return _tagged(state.retag(identity(ask.name), guard, ask.origin, remove=tags))


def _members(ask: Ask) -> JsonObject:
    return ask.body if isinstance(ask.body, Mapping) else {}


def _tagged(written: Written, *, status: int = 200) -> Answer:
    tags = list(written.ticket.fields.tags)
    return Answer(status=status, body={"tags": tags}, changes=written.changes)
