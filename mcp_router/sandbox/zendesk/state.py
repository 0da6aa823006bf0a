"""What the embedded Zendesk remembers: one account's tickets, their history, its people."""

import dataclasses
import threading
from collections.abc import Iterable
from datetime import datetime

from mcp_router.canonical import JsonValue
from mcp_router.clock import Clock, SystemClock
from mcp_router.sandbox.zendesk.exchange import (
    JsonObject,
    Origin,
    conflict,
    invalid_record,
    not_found,
)
from mcp_router.sandbox.zendesk.history import LONG_AGO_MS, Histories, Moment, Written
from mcp_router.sandbox.zendesk.idempotency import Creation, IdempotencyKeys
from mcp_router.sandbox.zendesk.meter import Allowance, Meter
from mcp_router.sandbox.zendesk.people import People
from mcp_router.sandbox.zendesk.records import (
    Audit,
    Comment,
    Group,
    Organization,
    Ticket,
    TicketFields,
    User,
)
from mcp_router.sandbox.zendesk.seed import CUSTOMERS, GROUPS, ME, ORGANIZATIONS, STAFF
from mcp_router.sandbox.zendesk.seed_tickets import SEEDS, Seed
from mcp_router.sandbox.zendesk.ticket_body import TicketBody


class ZendeskState:
    """One account; safe between threads. These attributes may be changed at any time:

    - `search_lag_s`: how far the search index is behind, an hour at most. At the real one it is
      minutes, which is why nothing may be proved absent by a search.
    - `export_lag_s`: how many of the latest seconds the incremental export leaves out, 60 at the
      real one.
    - `requests_per_minute`: the rate limit, None for none.
    - `additive_tags`: whether the update of a single ticket honours `additional_tags` and
      `remove_tags`. Zendesk documents the two for `update_many` only ("Adding tags to tickets
      without overwriting existing tags"); False is what its documentation says.

    There are no business rules: no trigger, automation or assignment changes a ticket.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        seeded: bool = True,
        search_lag_s: float = 0.0,
        export_lag_s: float = 0.0,
        requests_per_minute: int | None = None,
        additive_tags: bool = True,
    ) -> None:
        """Start with customers and tickets of the seed files, or with agents and groups only."""
        self.search_lag_s = search_lag_s
        self.export_lag_s = export_lag_s
        self.requests_per_minute = requests_per_minute
        self.additive_tags = additive_tags
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._meter = Meter()
        self._people = (
            People((*STAFF, *CUSTOMERS), ORGANIZATIONS, GROUPS)
            if seeded
            else People(STAFF, (), GROUPS)
        )
        self._histories = Histories()
        self._keys = IdempotencyKeys()

        for seed in SEEDS if seeded else ():
            self._sow(seed)

    @property
    def me(self) -> User:
        """The user that the sandbox's credentials belong to."""
        return ME

    def now_ms(self) -> int:
        """Return the account's time, in epoch milliseconds."""
        return self._clock.now_ms()

    def admit(self) -> Allowance:
        """Count one request against the rate limit."""
        with self._lock:
            return self._meter.take(self._clock.now_ms() // 1000, self.requests_per_minute)

    def ticket(self, ticket_id: int) -> Ticket | None:
        """Return a ticket, or None when there is none of that id."""
        with self._lock:
            return self._histories.latest(ticket_id)

    def tickets(self) -> tuple[Ticket, ...]:
        """Return every ticket, by id."""
        with self._lock:
            return self._histories.every()

    def comments(self, ticket_id: int) -> tuple[Comment, ...]:
        """Return the comments of a ticket, oldest first; none when there is no such ticket."""
        return tuple(one.comment for one in self.audits(ticket_id) if one.comment is not None)

    def audits(self, ticket_id: int) -> tuple[Audit, ...]:
        """Return the writes to a ticket, oldest first; none when there is no such ticket."""
        with self._lock:
            return self._histories.audits(ticket_id)

    def users(self) -> tuple[User, ...]:
        """Return every user, by id."""
        with self._lock:
            return tuple(self._people.users.values())

    def organizations(self) -> tuple[Organization, ...]:
        """Return every organisation, by id."""
        with self._lock:
            return tuple(self._people.organizations.values())

    def groups(self) -> tuple[Group, ...]:
        """Return every group, by id."""
        with self._lock:
            return tuple(self._people.groups.values())

    def indexed(self) -> tuple[Ticket, ...]:
        """Return the tickets as the search index has them, by id."""
        with self._lock:
            return self._histories.indexed(self._clock.now_ms() - self.search_lag_s * 1000)

    def exported(self) -> tuple[Ticket, ...]:
        """Return the tickets that the export shows, in the order of their last writes."""
        with self._lock:
            return self._histories.exported(self._clock.now_ms() - self.export_lag_s * 1000)

    def create(
        self, body: JsonObject, origin: Origin, *, key: str | None = None, request: JsonValue = None
    ) -> Written:
        """Create a ticket from the API's `ticket` object.

        `key` makes it happen once in two hours; `request` is all that the key stands for.

        Raises:
            Refusal: a value is not acceptable, or the key was used for something else; nothing
                was stored.
        """
        with self._lock:
            moment = self._now()
            known = None if key is None else self._keys.find(key, request, moment.written_ms)

            if known is not None:
                return Written(ticket=known.ticket, audit=known.audit, repeated=True)

            written = self._create(body, origin, moment)

            if key is not None:
                creation = Creation(ticket=written.ticket, audit=written.audit)
                self._keys.keep(key, request, creation, moment.written_ms)

            return written

    def update(self, ticket_id: int, body: JsonObject, origin: Origin) -> Written:
        """Change a ticket as the API's `ticket` object says, all of it or nothing.

        `safe_update`, whatever its value, demands that `updated_stamp` is the ticket's
        `updated_at`; a stamp that is absent or no date is not.

        Raises:
            Refusal: there is no such ticket, the stamp is another, the ticket is closed, or a
                value is not acceptable; nothing was changed.
        """
        with self._lock:
            return self._update(self._changeable(ticket_id, body), body, origin, self._now())

    def retag(
        self,
        ticket_id: int,
        guard: JsonObject,
        origin: Origin,
        *,
        add: Iterable[str] = (),
        remove: Iterable[str] = (),
        replace: bool = False,
    ) -> Written:
        """Add and remove tags, beginning with none when `replace`.

        `guard` may hold `safe_update` and `updated_stamp`.

        Raises:
            Refusal: as for `update`.
        """
        with self._lock:
            ticket = self._changeable(ticket_id, guard)
            kept = () if replace else ticket.fields.tags
            tags = tuple(sorted((set(kept) | set(add)) - set(remove)))
            fields = dataclasses.replace(ticket.fields, tags=tags)
            return self._histories.write(
                ticket, fields, remark=None, custom={}, origin=origin, moment=self._now()
            )

    def _now(self) -> Moment:
        now_ms = self._clock.now_ms()
        return Moment(second=now_ms // 1000, written_ms=now_ms)

    def _create(self, body: JsonObject, origin: Origin, moment: Moment) -> Written:
        reader = TicketBody(body, self._people)
        blank = TicketFields(requester_id=origin.author_id)
        remark = reader.description()
        submitter = reader.submitter() or origin.author_id
        customer = reader.customer()
        fields = reader.fields(blank, additive_tags=False)
        custom = reader.custom()
        reader.finish()
        fields = self._for_customer(fields, customer, moment)

        if fields.organization_id is None:
            home = self._people.users[fields.requester_id].organization_id
            fields = dataclasses.replace(fields, organization_id=home)

        ticket = Ticket(
            id=self._histories.next_id(),
            fields=blank,
            description=remark.body,
            is_public=False,
            submitter_id=submitter,
            created_s=moment.second,
            updated_s=moment.second,
            position=0,
            written_ms=moment.written_ms,
        )

        if remark.author_id is None:  # "the submitter always becomes the author" (OpenAPI file)
            remark = dataclasses.replace(remark, author_id=submitter)

        return self._histories.write(
            ticket, fields, remark=remark, custom=custom, origin=origin, moment=moment
        )

    def _update(self, ticket: Ticket, body: JsonObject, origin: Origin, moment: Moment) -> Written:
        first = self._histories.audits(ticket.id)[0].comment
        reader = TicketBody(body, self._people)
        remark = reader.remark(public=first is None or first.public)
        customer = reader.customer()
        fields = reader.fields(ticket.fields, additive_tags=self.additive_tags)
        custom = reader.custom()
        reader.finish()
        fields = self._for_customer(fields, customer, moment)
        return self._histories.write(
            ticket, fields, remark=remark, custom=custom, origin=origin, moment=moment
        )

    def _changeable(self, ticket_id: int, guard: JsonObject) -> Ticket:
        ticket = self._histories.latest(ticket_id)

        if ticket is None:
            raise not_found()

        if "safe_update" in guard and _stamp_s(guard.get("updated_stamp")) != ticket.updated_s:
            raise conflict()

        if ticket.fields.status == "closed":
            closed = {"description": "Status: closed prevents ticket update"}
            raise invalid_record({"status": [closed]})

        return ticket

    def _for_customer(
        self, fields: TicketFields, customer: User | tuple[str, str] | None, moment: Moment
    ) -> TicketFields:
        if customer is None:
            return fields

        if not isinstance(customer, User):
            name, email = customer
            customer = self._people.add_customer(name=name, email=email, now_s=moment.second)

        return dataclasses.replace(fields, requester_id=customer.id)

    def _sow(self, seed: Seed) -> None:
        second = _stamp_s(seed.at)
        assert second is not None, "seeds carry dates"
        moment = Moment(second=second, written_ms=LONG_AGO_MS)
        origin = Origin(author_id=seed.author_id, client="Zendesk web form")
        ticket = self._histories.latest(seed.ticket_id)

        if ticket is None:
            self._create(seed.body, origin, moment)
        else:
            self._update(ticket, seed.body, origin, moment)


def _stamp_s(stamp: JsonValue) -> int | None:
    """Return the epoch second of a date in ISO 8601 with its zone, None for anything else."""
    try:
        moment = datetime.fromisoformat(stamp) if isinstance(stamp, str) else None
    except ValueError:
        return None

    return None if moment is None or moment.tzinfo is None else int(moment.timestamp())
