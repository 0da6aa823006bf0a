"""The `ticket` object of a request, read against the rules of the ticket's fields."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mcp_router.canonical import JsonValue
from mcp_router.domain.ticket import Priority, Status, TicketType
from mcp_router.sandbox.zendesk.exchange import (
    JsonObject,
    invalid_attribute,
    invalid_record,
    whole_number,
)
from mcp_router.sandbox.zendesk.people import People
from mcp_router.sandbox.zendesk.records import TicketFields, User
from mcp_router.sandbox.zendesk.text import as_html, as_plain

STATUSES = tuple(status.value for status in Status)
PRIORITIES = tuple(priority.value for priority in Priority)
TYPES = tuple(kind.value for kind in TicketType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A comment that a request wants added; `author_id` None is the authenticated user."""

    body: str
    html_body: str
    public: bool
    author_id: int | None


class TicketBody:
    """One `ticket` object; the readers gather problems, `finish` reports them all.

    Unknown members are ignored, as Zendesk does ("The REST API is permissive", help article
    4418443326106).
    """

    def __init__(self, body: JsonObject, people: People) -> None:
        """Read `body`; people that it refers to must be among `people`."""
        self._body = body
        self._people = people
        self._problems: dict[str, list[JsonObject]] = {}

    def finish(self) -> None:
        """End the reading.

        Raises:
            Refusal: 422 RecordInvalid, with every problem found.
        """
        if self._problems:
            raise invalid_record(self._problems)

    def fields(self, current: TicketFields, *, additive_tags: bool) -> TicketFields:
        """Return the ticket's fields as the request wants them, `current` where it is silent.

        The requester is read by `requester_id` alone; see `customer`.
        """
        people = self._people
        return TicketFields(
            subject=self._text("subject", current.subject),
            status=self._choice("status", STATUSES, current.status) or current.status,
            priority=self._choice("priority", PRIORITIES, current.priority),
            type=self._choice("type", TYPES, current.type),
            requester_id=self._reference("requester_id", people.users, current.requester_id)
            or current.requester_id,
            assignee_id=self._reference("assignee_id", people.agents, current.assignee_id),
            group_id=self._reference("group_id", people.groups, current.group_id),
            organization_id=self._reference(
                "organization_id", people.organizations, current.organization_id
            ),
            external_id=self._text("external_id", current.external_id),
            tags=self._tags(current.tags, additive=additive_tags),
        )

    def customer(self) -> User | tuple[str, str] | None:
        """Return the `requester` that the request names, or name and address of a new one.

        None when it names none, or `requester_id`, which takes precedence (OpenAPI file). A new
        requester given as an object needs a name; one given as an address is named after it.
        """
        value = self._body.get("requester")

        if value is None or self._body.get("requester_id") is not None:
            return None

        if isinstance(value, Mapping):
            return self._described(value)

        if isinstance(value, str) and not value.isdecimal():
            return self._addressed(value, name=value.partition("@")[0])

        known = self._reference("requester", self._people.users, None)
        return None if known is None else self._people.users[known]

    def remark(self, *, public: bool) -> Remark | None:
        """Return the comment to add, None when there is none; `public` where it does not say.

        The OpenAPI file: the value of the first comment persists for later ones.
        """
        value = self._body.get("comment")

        if value is None:
            return None

        if not isinstance(value, Mapping):
            raise invalid_attribute("ticket.comment", "an object")

        body, markup = value.get("body"), value.get("html_body")
        written = value.get("public")

        if isinstance(markup, str) and as_plain(markup):
            body, markup = as_plain(markup), markup
        elif isinstance(body, str) and body.strip():
            markup = as_html(body)
        else:
            self._problem("comment", "Comment: cannot be blank", "BlankValue")
            return None

        return Remark(
            body=body,
            html_body=markup,
            public=public if written is None else written not in (False, "false"),
            author_id=self._reference("author_id", self._people.users, None, source=value),
        )

    def description(self) -> Remark:
        """Return the first comment: `comment`, or a public one from `description`."""
        remark = self.remark(public=True)

        if remark is not None:
            return remark

        self._problems.pop("comment", None)
        value = self._body.get("description")
        text = value if isinstance(value, str) else ""

        if not text.strip():
            self._problem("base", "Description: cannot be blank", "BlankValue")

        return Remark(body=text, html_body=as_html(text), public=True, author_id=None)

    def custom(self) -> dict[str, JsonValue]:
        """Return the metadata for the audit."""
        value = self._body.get("metadata")

        if value is None:
            return {}

        if not isinstance(value, Mapping):
            raise invalid_attribute("ticket.metadata", "an object")

        return dict(value)

    def submitter(self) -> int | None:
        """Return the user on whose behalf a new ticket is written, None when not named."""
        return self._reference("submitter_id", self._people.users, None)

    def _described(self, value: JsonObject) -> User | tuple[str, str] | None:
        email, name = value.get("email"), value.get("name")

        if not isinstance(email, str) or not email.strip():
            self._problem("requester", "Requester: Email: cannot be blank", "BlankValue")
            return None

        return self._addressed(email, name=name if isinstance(name, str) else "")

    def _addressed(self, email: str, *, name: str) -> User | tuple[str, str] | None:
        known = self._people.with_email(email)

        if known is not None:
            return known

        local, _, domain = email.strip().rpartition("@")

        if not local or not domain or " " in email.strip():
            text = "Requester: Email: is not properly formatted"
            self._problem("requester", text, "InvalidFormat")
        elif not name.strip():
            text = "Requester: Name: is too short (minimum one character)"
            self._problem("requester", text, "ValueTooShort")

        return name.strip(), email

    def _text(self, name: str, current: str | None) -> str | None:
        value = self._body.get(name, current)

        if value is None or isinstance(value, str):
            return value or None

        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid_attribute(f"ticket.{name}", "a string")

        return str(value)  # an external id may come as a number, and is text from then on

    def _choice(self, name: str, choices: Sequence[str], current: str | None) -> str | None:
        value = self._body.get(name, current)

        if value is None or value in choices:
            return None if value is None else str(value)

        self._problem(name, f"{name.capitalize()}: is not valid", "InvalidValue")
        return current

    def _reference(
        self,
        name: str,
        known: Container[int],
        current: int | None,
        *,
        source: JsonObject | None = None,
    ) -> int | None:
        value = (self._body if source is None else source).get(name, current)

        if isinstance(value, str):
            value = whole_number(value) or value

        if value is None:
            return None

        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid_attribute(f"ticket.{name}", "an integer")

        if value in known:
            return value

        field = name.removesuffix("_id")
        self._problem(field, f"{field.capitalize()}: is invalid", "InvalidValue")
        return current

    def _tags(self, current: tuple[str, ...], *, additive: bool) -> tuple[str, ...]:
        tags = set(read_tags(self._body.get("tags"))) if "tags" in self._body else set(current)

        if additive:
            tags |= set(read_tags(self._body.get("additional_tags")))
            tags -= set(read_tags(self._body.get("remove_tags")))

        return tuple(sorted(tags))

    def _problem(self, field: str, description: str, error: str) -> None:
        problem = {"description": description, "error": error}
        self._problems.setdefault(field, []).append(problem)


def read_tags(value: JsonValue) -> tuple[str, ...]:
    """Return tags from a list or from one text, in lower case, each once, sorted.

    >>> read_tags("VIP refund")
    ('refund', 'vip')

    Raises:
        Refusal: 400, the value is neither.
    """
    if value is None:
        return ()

    parts: Iterable[JsonValue] = [value] if isinstance(value, str) else _items(value)
    words: set[str] = set()

    for part in parts:
        if not isinstance(part, str):
            raise invalid_attribute("tags", "an array of strings")

        words.update(part.lower().replace(",", " ").split())

    return tuple(sorted(words))


def _items(value: JsonValue) -> Sequence[JsonValue]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value

    raise invalid_attribute("tags", "an array of strings")
