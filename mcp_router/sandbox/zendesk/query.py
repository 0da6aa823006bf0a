"""The search language: free words and `property operator value`, as far as the desk needs it.

After "Zendesk Support search reference" (support.zendesk.com, article 4408886879258): words and
different properties must all hold, several values of one property are alternatives, `-` excludes.
A property that is not known here matches nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mcp_router.sandbox.zendesk.records import Group, Organization, Ticket, User
from mcp_router.sandbox.zendesk.ticket_body import PRIORITIES, STATUSES

_TERM = re.compile(
    r"""(?P<minus>-)?(?:(?P<name>[a-z_]+)(?P<operator>:|<=|>=|<|>))?
        (?:"(?P<phrase>[^"]*)"|(?P<word>\S+))""",
    re.VERBOSE | re.IGNORECASE,
)
_NUMBER = re.compile(r"[\s()+-]*(?:\d[\s()+-]*){6,}")  # shorter ones would find half the desk
_ORDERING = {"order_by", "sort", "sort_by", "sort_order"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One condition; `name` is empty for a free word, values are in lower case."""

    name: str
    operator: str
    value: str
    excludes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to find, and the order that the query itself asks for."""

    terms: tuple[Term, ...]
    kinds: frozenset[str]
    order_by: str | None
    direction: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The people that properties of a ticket may name."""

    users: Mapping[int, User]
    organizations: Mapping[int, Organization]
    groups: Mapping[int, Group]


def parse_query(text: str) -> Query:
    """Return the conditions of a query; no text is ever refused.

    >>> query = parse_query('status<solved -"on hold" type:ticket order_by:created_at sort:asc')
    >>> [term.value for term in query.terms], sorted(query.kinds), query.order_by
    (['solved', 'on hold'], ['ticket'], 'created_at')
    """
    found = [_term(match) for match in _TERM.finditer(text)]
    named = {term.name: term.value for term in found}
    return Query(
        terms=tuple(term for term in found if term.name not in {"type", *_ORDERING}),
        kinds=frozenset(term.value for term in found if term.name == "type"),
        order_by=named.get("order_by") or named.get("sort_by"),
        direction=named.get("sort") or named.get("sort_order"),
    )


def ticket_matches(query: Query, ticket: Ticket, directory: Directory) -> bool:
    """Tell whether a ticket meets every condition."""
    return _matches(query.terms, lambda term: _ticket_term(term, ticket, directory))


def user_matches(query: Query, user: User, directory: Directory) -> bool:
    """Tell whether a person meets every condition."""
    return _matches(query.terms, lambda term: _user_term(term, user, directory))


def _term(match: re.Match[str]) -> Term:
    phrase, word = match["phrase"], match["word"]
    return Term(
        name=(match["name"] or "").lower(),
        operator=match["operator"] or ":",
        value=(word if phrase is None else phrase).lower(),
        excludes=match["minus"] is not None,
    )


def _matches(terms: Iterable[Term], holds: Callable[[Term], bool]) -> bool:
    alternatives: dict[str, list[bool]] = {}

    for place, term in enumerate(terms):
        if term.excludes and holds(term):
            return False

        if not term.excludes:
            # Only `name:value` repeats as alternatives; words and ranges each count.
            each = term.name if term.name and term.operator == ":" else str(place)
            alternatives.setdefault(each, []).append(holds(term))

    return all(any(outcomes) for outcomes in alternatives.values())


def _ticket_term(term: Term, ticket: Ticket, directory: Directory) -> bool:
    fields = ticket.fields

    match term.name:
        case "":
            return _words(term.value, fields.subject, ticket.description, str(ticket.id))
        case "subject":
            return _words(term.value, fields.subject)
        case "description":
            return _words(term.value, ticket.description)
        case "status":
            return _ranked(term, fields.status, STATUSES)
        case "priority":
            return _ranked(term, fields.priority, PRIORITIES)
        case "created" | "created_at":
            return _dated(term, ticket.created_s)
        case "updated" | "updated_at":
            return _dated(term, ticket.updated_s)
        case _:
            return term.value in _ticket_names(term.name, ticket, directory)


def _ticket_names(name: str, ticket: Ticket, directory: Directory) -> set[str]:
    """Return every value that `name:value` may have to find this ticket."""
    fields = ticket.fields

    match name:
        case "requester":
            return _person(directory.users.get(fields.requester_id))
        case "submitter":
            return _person(directory.users.get(ticket.submitter_id))
        case "assignee":
            return _person(directory.users.get(fields.assignee_id or 0))
        case "group":
            return _team(directory.groups.get(fields.group_id or 0))
        case "organization":
            return _team(directory.organizations.get(fields.organization_id or 0))
        case "tags":
            return set(fields.tags) or {"none"}
        case "ticket_type":
            return {fields.type or "none"}
        case "external_id":
            return {(fields.external_id or "none").lower()}
        case "id":
            return {str(ticket.id)}
        case _:
            return set()


def _user_term(term: Term, user: User, directory: Directory) -> bool:
    match term.name:
        case "":
            called = _NUMBER.fullmatch(term.value) and _digits(term.value) in _digits(user.phone)
            return bool(called) or _words(f"{term.value}*", user.name, user.email)
        case "name":
            return _words(f"{term.value}*", user.name)
        case "phone":
            return user.phone is not None and _digits(term.value) == _digits(user.phone)
        case "created" | "created_at":
            return _dated(term, user.created_s)
        case _:
            return term.value in _user_names(term.name, user, directory)


def _user_names(name: str, user: User, directory: Directory) -> set[str]:
    match name:
        case "email":
            return {user.email or "none"}
        case "role":
            return {user.role}
        case "organization":
            return _team(directory.organizations.get(user.organization_id or 0))
        case "external_id":
            return {(user.external_id or "none").lower()}
        case "id":
            return {str(user.id)}
        case _:
            return set()


def _digits(phone: str | None) -> str:
    return re.sub(r"\D", "", phone or "")


def _person(user: User | None) -> set[str]:
    if user is None:
        return {"none"}

    return {str(user.id), user.name.lower(), *([user.email] if user.email else [])}


def _team(team: Group | Organization | None) -> set[str]:
    return {"none"} if team is None else {str(team.id), team.name.lower()}


def _words(wanted: str, *texts: str | None) -> bool:
    """Tell whether the wanted words stand in one of the texts; `*` ends an unfinished word."""
    pattern = r"(?<!\w)" + re.escape(wanted.rstrip("*"))
    ending = "" if wanted.endswith("*") else r"(?!\w)"
    return any(re.search(pattern + ending, text.lower()) for text in texts if text)


def _ranked(term: Term, value: str | None, ranks: tuple[str, ...]) -> bool:
    if term.operator == ":":
        return term.value == (value or "none")

    if value is None or term.value not in ranks:
        return False

    return _compared(term.operator, ranks.index(value), ranks.index(term.value))


def _dated(term: Term, second: int) -> bool:
    """Compare with a day or an instant in UTC; `:` means within that day or second."""
    try:
        moment = datetime.fromisoformat(term.value.upper())
    except ValueError:
        return False

    whole_day = len(term.value) == len("2026-11-20")
    begin = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    end = begin + int(timedelta(days=1).total_seconds()) if whole_day else begin + 1

    if term.operator == ":":
        return begin <= second < end

    return _compared(term.operator, second, end - 1 if term.operator in (">", "<=") else begin)


def _compared(operator: str, left: int, right: int) -> bool:
    match operator:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right
