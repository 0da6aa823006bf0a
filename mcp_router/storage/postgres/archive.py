"""Reads a store from outside the server: for exports and for people who look into the ledger."""

from collections.abc import Iterator
from typing import Self

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from mcp_router.domain.action import Action, ActionEvent, ActionState
from mcp_router.domain.record import StoredRecord
from mcp_router.domain.selection import EVERYTHING, Selection
from mcp_router.domain.tree_head import ExportRow, KeptRow, Link, LogKey, SignedHead
from mcp_router.storage.heads import HEADS, KEYS, ROWS, read_head, read_key, read_row
from mcp_router.storage.postgres.database import (
    CONNECT_TIMEOUT_S,
    conninfo,
    unavailable,
    unreachable,
)
from mcp_router.storage.postgres.rows import READ, read_action
from mcp_router.storage.records import read_record

_EXPORT_BATCH = 500
_SELECTED = """
    (%s::text IS NULL OR tenant = %s)
    AND (%s::bigint IS NULL OR at_ms >= %s)
    AND (%s::bigint IS NULL OR at_ms < %s)
    AND (%s::text IS NULL OR policy = %s OR starts_with(policy, %s || '@'))
    AND (%s::text IS NULL OR intent = %s)
"""
_LINKS_BATCH = 10_000
_PAGE = "ORDER BY seq LIMIT %s"


class Archive:
    """A read-only view of one database; servers may be running on it."""

    def __init__(self, url: str, *, connect_timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        """Connect without creating or changing anything.

        Raises:
            InvalidSettings: the URL cannot be read.
            StorageUnavailable: the database cannot be reached.
        """
        try:
            self._connection: Connection[DictRow] = psycopg.connect(
                conninfo(url, connect_timeout_s), autocommit=True, row_factory=dict_row
            )
        except psycopg.OperationalError as error:
            raise unreachable(error) from None

        self._rows("SELECT set_config('default_transaction_read_only', 'on', false)", ())

    def records(
        self,
        tenant: str | None = None,
        *,
        since_ms: int | None = None,
        selection: Selection | None = None,
    ) -> Iterator[StoredRecord]:
        """Yield the decision log in order, a batch at a time: what is selected, or of one tenant.

        `since_ms` leaves out calls that came before that time.

        Raises:
            StorageUnavailable: the database is no store of the router, or is gone.
        """
        for seq, text, chain in self.rows(selection or Selection(tenant=tenant, since_ms=since_ms)):
            yield read_record(seq, text, chain)

    def rows(
        self,
        selection: Selection = EVERYTHING,
        *,
        after: int | None = None,
        last: int | None = None,
    ) -> Iterator[ExportRow]:
        """Yield the row of each selected record in order, unread: as the log keeps it.

        They begin after the place `after`, by default after what was pruned. After the place
        `last` nothing is wanted.

        Raises:
            StorageUnavailable: the database is no store of the router, or is gone.
        """
        done = self.pruned() if after is None else after

        # By place and not with a cursor: an export may take long, and a transaction that stays
        # open for all of it would keep the whole database from being vacuumed.
        while rows := self._rows(
            f"SELECT seq, record, chain FROM decisions WHERE seq > %s AND {_SELECTED} "  # noqa: S608  # ours
            "AND (%s::bigint IS NULL OR seq <= %s) ORDER BY seq LIMIT %s",
            (done, *_values(selection), last, last, _EXPORT_BATCH),
        ):
            yield from ((row["seq"], row["record"], row["chain"]) for row in rows)
            done = rows[-1]["seq"]

    def count(self, tenant: str | None = None, *, selection: Selection | None = None) -> int:
        """Return how many records there are now: of what is selected, or of one tenant."""
        query = f"SELECT count(*) AS number FROM decisions WHERE seq > %s AND {_SELECTED}"  # noqa: S608  # ours
        values = _values(selection or Selection(tenant=tenant))
        return int(self._rows(query, (self.pruned(), *values))[0]["number"])

    def kept(self, after: int | None = None) -> Iterator[KeptRow]:
        """Yield the rows as they are kept, whatever was done to them, in order.

        They begin after a place, or with the lowest that there is.
        """
        if after is None:
            rows = self._rows(f"{ROWS} {_PAGE}", (_EXPORT_BATCH,))
        else:
            rows = self._rows(f"{ROWS} WHERE seq > %s {_PAGE}", (after, _EXPORT_BATCH))

        while rows:
            yield from (read_row(tuple(row.values())) for row in rows)
            after = rows[-1]["seq"]
            rows = self._rows(f"{ROWS} WHERE seq > %s {_PAGE}", (after, _EXPORT_BATCH))

    def links(self, after: int = 0) -> Iterator[Link]:
        """Yield the leaves and the chain of the rows after a place, in order."""
        query = f"SELECT seq, leaf, chain FROM decisions WHERE seq > %s {_PAGE}"  # noqa: S608  # ours

        while rows := self._rows(query, (after, _LINKS_BATCH)):
            yield from (Link(seq=r["seq"], leaf=r["leaf"], chain=r["chain"]) for r in rows)
            after = rows[-1]["seq"]

    def heads(self) -> Iterator[SignedHead]:
        """Yield the signed heads, the smallest first."""
        after = 0
        query = f"{HEADS} FROM tree_heads WHERE size > %s ORDER BY size LIMIT %s"

        while rows := self._rows(query, (after, _EXPORT_BATCH)):
            yield from (read_head(tuple(row.values())) for row in rows)
            after = rows[-1]["size"]

    def keys(self) -> tuple[LogKey, ...]:
        """Return the keys that have signed for this log, oldest first."""
        return tuple(
            read_key(tuple(row.values())) for row in self._rows(f"{KEYS} ORDER BY place", ())
        )

    def pruned(self) -> int:
        """Return how many rows, from the first ever on, were let go of."""
        return self._number("SELECT max(size) AS number FROM prunings")

    def lingering(self) -> int:
        """Return how many of the rows that were let go of are still there."""
        return self._number(
            "SELECT count(*) AS number FROM decisions "
            "WHERE seq BETWEEN 1 AND (SELECT max(size) FROM prunings)"
        )

    def given(self) -> int:
        """Return the last place that the database has given to a row."""
        return self._number("SELECT last AS number FROM decisions_head")

    def place(self, decision_id: str) -> int:
        """Return where a decision stands in the log, 0 if it is not there."""
        query = "SELECT seq AS number FROM decisions WHERE decision_id = %s AND seq > %s"
        return self._number(query, (decision_id, self.pruned()))

    def _number(self, query: str, values: tuple[str | int, ...] = ()) -> int:
        """Return the one number that a query finds, 0 for none."""
        rows = self._rows(query, values)
        return int(rows[0]["number"] or 0) if rows else 0

    def actions(self, state: ActionState | None, limit: int) -> tuple[Action, ...]:
        """Return the newest actions, of one state or of all, newest first."""
        rows = self._rows(
            f"{READ} WHERE %s::text IS NULL OR a.state = %s "
            "ORDER BY a.created_ms DESC, a.place DESC LIMIT %s",
            (state, state, limit),
        )
        return tuple(map(read_action, rows))

    def action(self, action_id: str) -> Action | None:
        """Return the action of that id, whoever's it is, or None."""
        rows = self._rows(f"{READ} WHERE a.action_id = %s", (action_id,))
        return read_action(rows[0]) if rows else None

    def events(self, action_id: str) -> tuple[ActionEvent, ...]:
        """Return what happened to the action, oldest first."""
        rows = self._rows(
            "SELECT at_ms, state, fence, attempts, detail FROM action_events "
            "WHERE action_id = %s ORDER BY seq",
            (action_id,),
        )
        return tuple(
            ActionEvent(
                at_ms=row["at_ms"],
                state=ActionState(row["state"]),
                fence=row["fence"],
                attempts=row["attempts"],
                detail=row["detail"],
            )
            for row in rows
        )

    def __enter__(self) -> Self:
        """Return the archive itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the database."""
        self._connection.close()

    def _rows(self, query: str, values: tuple[str | int | None, ...]) -> list[DictRow]:
        """Return what a query of this file finds.

        Raises:
            StorageUnavailable: it cannot be answered.
        """
        try:
            return self._connection.execute(query, values).fetchall()
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise unavailable(error) from None


def _values(selection: Selection) -> tuple[str | int | None, ...]:
    """Return what the conditions of `_SELECTED` compare with, in their order."""
    tenant, since_ms, until_ms = selection.tenant, selection.since_ms, selection.until_ms
    policy, intent = selection.policy, selection.intent
    return (
        *(tenant, tenant),
        *(since_ms, since_ms),
        *(until_ms, until_ms),
        *(policy, policy, policy),
        *(intent, intent),
    )
