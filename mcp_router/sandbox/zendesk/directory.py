"""Users, organisations and groups, to look at."""

from mcp_router.sandbox.zendesk.exchange import Answer, Ask, invalid_attribute, not_found
from mcp_router.sandbox.zendesk.pages import Page, numbered_page, page_of, whole_page
from mcp_router.sandbox.zendesk.query import parse_query, user_matches
from mcp_router.sandbox.zendesk.records import User
from mcp_router.sandbox.zendesk.render import group_json, organization_json, user_json
from mcp_router.sandbox.zendesk.sideloads import directory, of_users
from mcp_router.sandbox.zendesk.state import ZendeskState
from mcp_router.sandbox.zendesk.tickets import identities, identity


def show_me(state: ZendeskState, ask: Ask) -> Answer:
    """GET /users/me: whom the credentials belong to."""
    return Answer(body={"user": {**user_json(state.me, ask.base), "authenticity_token": "sandbox"}})


def show_user(state: ZendeskState, ask: Ask) -> Answer:
    """GET /users/{id}."""
    user = directory(state).users.get(identity(ask.name))

    if user is None:
        raise not_found()

    return Answer(body={"user": user_json(user, ask.base), **of_users(state, ask, (user,))})


def list_users(state: ZendeskState, ask: Ask) -> Answer:
    """GET /users, also by `role` or `role[]`."""
    roles = {value for name, value in ask.query if name in ("role", "role[]")}
    found = [one for one in state.users() if not roles or one.role in roles]
    page = page_of(found, ask, lambda one: one.id)
    return _users(state, ask, page)


def show_many_users(state: ZendeskState, ask: Ask) -> Answer:
    """GET /users/show_many?ids= or ?external_ids=: those that exist."""
    named = ask.argument("external_ids")

    if named is None:
        known = directory(state).users
        found = [known[one] for one in identities(ask) if one in known]
    else:
        wanted = named.split(",")
        found = [one for one in state.users() if one.external_id in wanted]

    return _users(state, ask, whole_page(found))


def search_users(state: ZendeskState, ask: Ask) -> Answer:
    """GET /users/search?query= or ?external_id=; pages are numbered."""
    text, external_id = ask.argument("query"), ask.argument("external_id")

    if external_id is not None:
        found = [one for one in state.users() if one.external_id == external_id]
    elif text is not None:
        query, people = parse_query(text), directory(state)
        found = [one for one in state.users() if user_matches(query, one, people)]
    else:
        raise invalid_attribute("query", "present")

    return _users(state, ask, numbered_page(found, ask))


def show_organization(state: ZendeskState, ask: Ask) -> Answer:
    """GET /organizations/{id}."""
    organization = directory(state).organizations.get(identity(ask.name))

    if organization is None:
        raise not_found()

    return Answer(body={"organization": organization_json(organization, ask.base)})


def list_organizations(state: ZendeskState, ask: Ask) -> Answer:
    """GET /organizations."""
    page = page_of(state.organizations(), ask, lambda one: one.id)
    shown = [organization_json(one, ask.base) for one in page.rows]
    return Answer(body={"organizations": shown, **page.members})


def show_many_organizations(state: ZendeskState, ask: Ask) -> Answer:
    """GET /organizations/show_many?ids=: those that exist."""
    known = directory(state).organizations
    found = [known[one] for one in identities(ask) if one in known]
    shown = [organization_json(one, ask.base) for one in found]
    return Answer(body={"organizations": shown, **whole_page(found).members})


def show_group(state: ZendeskState, ask: Ask) -> Answer:
    """GET /groups/{id}."""
    group = directory(state).groups.get(identity(ask.name))

    if group is None:
        raise not_found()

    return Answer(body={"group": group_json(group, ask.base)})


def list_groups(state: ZendeskState, ask: Ask) -> Answer:
    """GET /groups."""
    page = page_of(state.groups(), ask, lambda one: one.id)
    shown = [group_json(one, ask.base) for one in page.rows]
    return Answer(body={"groups": shown, **page.members})


def _users(state: ZendeskState, ask: Ask, page: Page[User]) -> Answer:
    shown = [user_json(one, ask.base) for one in page.rows]
    return Answer(body={"users": shown, **page.members, **of_users(state, ask, page.rows)})
