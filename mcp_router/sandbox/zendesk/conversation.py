"""What was said and done on a ticket: its comments and its audits, oldest first by default."""

from mcp_router.sandbox.zendesk.exchange import Answer, Ask, invalid_attribute
from mcp_router.sandbox.zendesk.pages import page_of
from mcp_router.sandbox.zendesk.render import audit_json, comment_json
from mcp_router.sandbox.zendesk.sideloads import of_authors
from mcp_router.sandbox.zendesk.state import ZendeskState
from mcp_router.sandbox.zendesk.tickets import existing


def list_comments(state: ZendeskState, ask: Ask) -> Answer:
    """GET /tickets/{id}/comments."""
    comments = list(state.comments(existing(state, ask).id))

    if _latest_first(ask):
        comments.reverse()

    page = page_of(comments, ask, lambda one: one.id)
    shown = [comment_json(one) for one in page.rows]
    people = of_authors(state, ask, (one.author_id for one in page.rows))
    return Answer(body={"comments": shown, **page.members, **people})


def list_audits(state: ZendeskState, ask: Ask) -> Answer:
    """GET /tickets/{id}/audits."""
    audits = list(state.audits(existing(state, ask).id))

    if _latest_first(ask):
        audits.reverse()

    page = page_of(audits, ask, lambda one: one.id)
    shown = [audit_json(one) for one in page.rows]
    people = of_authors(state, ask, (one.origin.author_id for one in page.rows))
    return Answer(body={"audits": shown, **page.members, **people})


def _latest_first(ask: Ask) -> bool:
    sort = ask.argument("sort")

    if sort is None:
        return ask.argument("sort_order") == "desc"

    if sort.removeprefix("-") != "created_at":
        raise invalid_attribute("sort", "created_at or -created_at")

    return sort.startswith("-")
