"""The tickets with everything that was ever written to them."""

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.exchange import COMMENT, TICKET, UPDATE, Change, Origin
from mcp_router.sandbox.zendesk.records import (
    Audit,
    Comment,
    FieldEvent,
    Ticket,
    TicketFields,
)
from mcp_router.sandbox.zendesk.ticket_body import Remark

FIRST_TICKET_ID = 101
LONG_AGO_MS = -(2**60)
"""When seeded tickets were written, so that neither index nor export ever lags behind them."""

_FIRST_EVENT_ID = 700_001
_INDEX_MEMORY_MS = 3_600_000  # no search lag is longer, so older versions are not kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a write happens: in whole epoch seconds for the ticket, in milliseconds for the rest."""

    second: int
    written_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A ticket after a request, the audit of it and its effects.

    A request that changes nothing has an audit without events, which is not kept. `repeated`
    tells that its idempotency key was known and that this is what happened the first time.
    """

    ticket: Ticket
    audit: Audit
    changes: tuple[Change, ...] = ()
    repeated: bool = False


class Histories:
    """Tickets by id. Not safe between threads: the state that holds them is."""

    def __init__(self) -> None:
        """Start with no ticket."""
        self._versions: dict[int, list[Ticket]] = {}
        self._audits: dict[int, list[Audit]] = {}
        self._ids = itertools.count(_FIRST_EVENT_ID)
        self._positions = itertools.count(1)

    def next_id(self) -> int:
        """Return the id that the next ticket gets."""
        return next(reversed(self._versions), FIRST_TICKET_ID - 1) + 1

    def latest(self, ticket_id: int) -> Ticket | None:
        """Return a ticket as it is, None when there is none of that id."""
        versions = self._versions.get(ticket_id)
        return versions[-1] if versions else None

    def every(self) -> tuple[Ticket, ...]:
        """Return all tickets as they are, by id."""
        return tuple(versions[-1] for versions in self._versions.values())

    def audits(self, ticket_id: int) -> tuple[Audit, ...]:
        """Return the writes to a ticket, oldest first."""
        return tuple(self._audits.get(ticket_id, ()))

    def indexed(self, until_ms: float) -> tuple[Ticket, ...]:
        """Return the tickets as they were at that time, by id, as far as they existed."""
        return tuple(
            seen[-1]
            for versions in self._versions.values()
            if (seen := [one for one in versions if one.written_ms <= until_ms])
        )

    def exported(self, until_ms: float) -> tuple[Ticket, ...]:
        """Return the tickets last written until that time, in the order of those writes."""
        latest = sorted(self.every(), key=lambda one: one.position)
        # A clock that was set back must not let a later write be seen before an earlier one.
        return tuple(itertools.takewhile(lambda one: one.written_ms <= until_ms, latest))

    def write(
        self,
        ticket: Ticket,
        fields: TicketFields,
        *,
        remark: Remark | None,
        custom: dict[str, JsonValue],
        origin: Origin,
        moment: Moment,
    ) -> Written:
        """Store what is new about a ticket, if anything is, with its audit."""
        fresh = ticket.id not in self._versions
        audit_id = next(self._ids)
        comment = None if remark is None else self._comment(remark, audit_id, origin, moment)
        audit = Audit(
            id=audit_id,
            ticket_id=ticket.id,
            created_s=moment.second,
            origin=origin,
            custom=custom,
            fields=tuple(self._events(None if fresh else ticket.fields, fields)),
            comment=comment,
        )

        if comment is None and not audit.fields:
            return Written(ticket=ticket, audit=audit)

        ticket = dataclasses.replace(
            ticket,
            fields=fields,
            is_public=ticket.is_public or (comment is not None and comment.public),
            updated_s=moment.second,
            position=next(self._positions),
            written_ms=moment.written_ms,
        )
        self._audits.setdefault(ticket.id, []).append(audit)
        self._store(ticket)
        return Written(ticket=ticket, audit=audit, changes=_changes(audit, fresh=fresh))

    def _store(self, ticket: Ticket) -> None:
        """Make this the latest version, and forget those that no search can see any more."""
        versions = self._versions.setdefault(ticket.id, [])
        versions.append(ticket)
        old_ms = ticket.written_ms - _INDEX_MEMORY_MS

        while len(versions) > 1 and versions[1].written_ms <= old_ms:
            del versions[0]

    def _comment(self, remark: Remark, audit_id: int, origin: Origin, moment: Moment) -> Comment:
        return Comment(
            id=next(self._ids),
            audit_id=audit_id,
            author_id=origin.author_id if remark.author_id is None else remark.author_id,
            body=remark.body,
            html_body=remark.html_body,
            public=remark.public,
            created_s=moment.second,
            origin=origin,
        )

    def _events(self, before: TicketFields | None, after: TicketFields) -> Iterator[FieldEvent]:
        for one in dataclasses.fields(TicketFields):
            old = None if before is None else _value(getattr(before, one.name))
            new = _value(getattr(after, one.name))

            if old != new and not (before is None and new == []):
                yield FieldEvent(
                    id=next(self._ids),
                    created=before is None,
                    field_name=one.name,
                    value=new,
                    previous=old,
                )


def _changes(audit: Audit, *, fresh: bool) -> tuple[Change, ...]:
    """Return the effects of a write: a new ticket is one, whatever it came with."""
    ref = str(audit.ticket_id)

    if fresh:
        return (Change(kind=TICKET, ref=ref),)

    kinds = ((COMMENT, audit.comment is not None), (UPDATE, bool(audit.fields)))
    return tuple(Change(kind=kind, ref=ref) for kind, happened in kinds if happened)


def _value(field: str | int | tuple[str, ...] | None) -> JsonValue:
    """Return a field as events show it: ids are text, tags a list."""
    if isinstance(field, tuple):
        return list(field)

    return None if field is None else str(field)
