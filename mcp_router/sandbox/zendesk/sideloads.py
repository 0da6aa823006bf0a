"""The people that an answer brings along when the request asks with `include`."""

from collections.abc import Iterable

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.exchange import Ask
from mcp_router.sandbox.zendesk.query import Directory
from mcp_router.sandbox.zendesk.records import Ticket, User
from mcp_router.sandbox.zendesk.render import group_json, organization_json, user_json
from mcp_router.sandbox.zendesk.state import ZendeskState


def directory(state: ZendeskState) -> Directory:
    """Return everybody by id."""
    return Directory(
        users={one.id: one for one in state.users()},
        organizations={one.id: one for one in state.organizations()},
        groups={one.id: one for one in state.groups()},
    )


def of_tickets(state: ZendeskState, ask: Ask, tickets: Iterable[Ticket]) -> dict[str, JsonValue]:
    """Return what `include=users,organizations,groups` adds to an answer with these tickets.

    Other sideloads are ignored.
    """
    wanted = (ask.argument("include") or "").split(",")
    added: dict[str, JsonValue] = {}

    if wanted == [""]:
        return added

    tickets = tuple(tickets)
    people = directory(state)

    if "users" in wanted:
        ids = {
            user_id
            for one in tickets
            for user_id in (one.fields.requester_id, one.submitter_id, one.fields.assignee_id)
        }
        found = (one for one in people.users.values() if one.id in ids)
        added["users"] = [user_json(one, ask.base) for one in found]

    if "organizations" in wanted:
        ids = {one.fields.organization_id for one in tickets}
        homes = (one for one in people.organizations.values() if one.id in ids)
        added["organizations"] = [organization_json(one, ask.base) for one in homes]

    if "groups" in wanted:
        ids = {one.fields.group_id for one in tickets}
        teams = (one for one in people.groups.values() if one.id in ids)
        added["groups"] = [group_json(one, ask.base) for one in teams]

    return added


def of_users(state: ZendeskState, ask: Ask, users: Iterable[User]) -> dict[str, JsonValue]:
    """Return what `include=organizations` adds to an answer with these users."""
    if "organizations" not in (ask.argument("include") or "").split(","):
        return {}

    ids = {one.organization_id for one in users}
    homes = [one for one in state.organizations() if one.id in ids]
    return {"organizations": [organization_json(one, ask.base) for one in homes]}


def of_authors(state: ZendeskState, ask: Ask, author_ids: Iterable[int]) -> dict[str, JsonValue]:
    """Return what `include=users` adds to an answer with writings of these authors."""
    if "users" not in (ask.argument("include") or "").split(","):
        return {}

    ids = set(author_ids)
    return {"users": [user_json(one, ask.base) for one in state.users() if one.id in ids]}
