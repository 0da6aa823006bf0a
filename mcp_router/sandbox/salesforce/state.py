"""What the embedded Salesforce remembers: records, access tokens, the daily allowance."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from mcp_router.canonical import JsonValue
from mcp_router.clock import Clock, SystemClock
from mcp_router.desks.salesforce_ids import full_id
from mcp_router.sandbox.salesforce import seed
from mcp_router.sandbox.salesforce.answers import not_found
from mcp_router.sandbox.salesforce.checks import writable_values
from mcp_router.sandbox.salesforce.schema import OBJECTS, ObjectSpec
from mcp_router.sandbox.salesforce.tables import Row, Tables

DAILY_API_REQUESTS = 15_000
"""The allowance that `limits` and the `Sforce-Limit-Info` header speak of."""


class SalesforceState:
    """One organisation; safe between threads.

    `api_requests_left` None means that nothing is refused for quota; a number counts down with
    every API request, and at zero each answers 403 REQUEST_LIMIT_EXCEEDED.
    """

    def __init__(self, *, clock: Clock | None = None, seeded: bool = True) -> None:
        """Start with the records of `seed.py`, or with none."""
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._tables = Tables()
        self._tokens: set[str] = set()
        self._issued = 0
        self._used = 0
        self._left: int | None = None

        if seeded:
            self._seed()

    @property
    def api_requests_left(self) -> int | None:
        """Return how many API requests are still allowed, or None when they are not counted."""
        with self._lock:
            return self._left

    @api_requests_left.setter
    def api_requests_left(self, left: int | None) -> None:
        with self._lock:
            self._left = left

    def now(self) -> str:
        """Return the time as Salesforce writes it; its stamps have whole seconds."""
        moment = datetime.fromtimestamp(self._clock.now_ms() // 1000, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")

    def issue_token(self) -> str:
        """Return a new access token; it is valid until `expire_tokens`."""
        with self._lock:
            self._issued += 1
            token = f"00DSb0000000001!sandbox.{self._issued:06}"
            self._tokens.add(token)
            return token

    def expire_tokens(self) -> None:
        """Make every token that was issued so far invalid, as after a session timeout."""
        with self._lock:
            self._tokens.clear()

    def knows_token(self, token: str) -> bool:
        """Tell whether `token` is valid now."""
        with self._lock:
            return token in self._tokens

    def spend_request(self) -> bool:
        """Count one API request; return False when the allowance is used up."""
        with self._lock:
            if self._left is not None:
                if self._left <= 0:
                    return False

                self._left -= 1

            self._used += 1
            return True

    def usage(self) -> tuple[int, int]:
        """Return the API requests used and allowed today."""
        with self._lock:
            if self._left is None:
                return min(self._used, DAILY_API_REQUESTS), DAILY_API_REQUESTS

            return DAILY_API_REQUESTS - self._left, DAILY_API_REQUESTS

    def insert(self, spec: ObjectSpec, body: JsonValue) -> str:
        """Store a new record and return its id.

        Raises:
            Refusal: a value is not acceptable; nothing was stored.
        """
        with self._lock:
            return self._tables.insert(spec, writable_values(spec, body), self.now())

    def update(self, spec: ObjectSpec, identifier: str, body: JsonValue) -> None:
        """Change a record.

        Raises:
            Refusal: there is no such record, or a value is not acceptable; nothing was changed.
        """
        with self._lock:
            row_id = self._existing(spec, identifier)
            self._tables.update(spec, row_id, writable_values(spec, body), self.now())

    def delete(self, spec: ObjectSpec, identifier: str) -> None:
        """Remove a record.

        Raises:
            Refusal: there is no such record.
        """
        with self._lock:
            self._tables.delete(spec, self._existing(spec, identifier))

    def record(self, spec: ObjectSpec, identifier: str) -> Row:
        """Return the record of that id, of 15 or 18 characters.

        Raises:
            Refusal: there is no such record.
        """
        with self._lock:
            return self._tables.rows[spec.name][self._existing(spec, identifier)]

    def records(self, spec: ObjectSpec) -> tuple[Row, ...]:
        """Return every record of an object, oldest first."""
        with self._lock:
            return tuple(self._tables.rows[spec.name].values())

    def holder(self, spec: ObjectSpec, field_name: str, value: str) -> str | None:
        """Return the id of the record with that value in a unique field, or None."""
        with self._lock:
            return self._tables.holder(spec, field_name, value)

    def referred(self, identifier: JsonValue) -> tuple[ObjectSpec, Row] | None:
        """Return the record behind a reference field's value, whatever its object, or None."""
        with self._lock:
            return self._tables.referred(identifier if isinstance(identifier, str) else None)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep every other thread out; if the block raises, undo what it changed."""
        with self._lock:
            before = self._tables.copy()

            try:
                yield
            except BaseException:
                self._tables = before
                raise

    def _existing(self, spec: ObjectSpec, identifier: str) -> str:
        row_id = full_id(identifier)

        if row_id is None or row_id not in self._tables.rows[spec.name]:
            raise not_found()

        return row_id

    def _seed(self) -> None:
        accounts = [self.insert(OBJECTS["Account"], account) for account in seed.ACCOUNTS]
        contacts = []

        for first, last, phone, place in seed.CONTACTS:
            contact: Mapping[str, JsonValue] = {
                "FirstName": first,
                "LastName": last,
                "Email": seed.email_of(first, last),
                "Phone": phone,
                "AccountId": accounts[place],
            }
            contacts.append(self.insert(OBJECTS["Contact"], contact))

        self.insert(OBJECTS["Case"], {**seed.UNLINKED_CASE, "ContactId": contacts[0]})
