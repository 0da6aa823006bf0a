"""Reads a store from outside the server: for exports and for people who look into the ledger."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Self

from mcp_router.canonical import encodable
from mcp_router.domain.action import Action, ActionEvent, ActionState
from mcp_router.domain.record import StoredRecord
from mcp_router.domain.selection import EVERYTHING, Selection
from mcp_router.domain.tree_head import ExportRow, KeptRow, Link, LogKey, SignedHead
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.heads import HEADS, KEYS, ROWS, read_head, read_key, read_row
from mcp_router.storage.owner import ThisHost
from mcp_router.storage.records import read_record, unreadable
from mcp_router.storage.sqlite.actions import select_actions
from mcp_router.storage.sqlite.decisions import any_text
from mcp_router.storage.sqlite.writer import unavailable

_SELECTED = """
    (:tenant IS NULL OR tenant = :tenant)
    AND (:since_ms IS NULL OR at_ms >= :since_ms)
    AND (:until_ms IS NULL OR at_ms < :until_ms)
    AND (:policy IS NULL OR policy = :policy
        OR substr(policy, 1, length(:policy) + 1) = :policy || '@')
    AND (:intent IS NULL OR intent = :intent)
"""


@contextmanager
def _coded() -> Iterator[None]:
    """Let only coded errors out of a read."""
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(error) from error


class Archive:
    """A read-only view of one SQLite file; the server may be running on it."""

    def __init__(self, path: Path) -> None:
        """Open the file without creating or changing it.

        Raises:
            StorageUnavailable: there is no such store, or it cannot be read.
        """
        if not path.is_file():
            raise StorageUnavailable(
                "There is no decision log there yet.",
                next_step="Check `storage` in router.yaml; the log begins with the first call.",
            )

        with _coded():
            self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)

        self._connection.row_factory = sqlite3.Row
        self._connection.text_factory = any_text
        self._host = ThisHost()

    def records(
        self,
        tenant: str | None = None,
        *,
        since_ms: int | None = None,
        selection: Selection | None = None,
    ) -> Iterator[StoredRecord]:
        """Yield the decision log in order, one row at a time: what is selected, or of one tenant.

        `since_ms` leaves out calls that came before that time.

        Raises:
            StorageUnavailable: the file is no store of the router.
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
            StorageUnavailable: the file is no store of the router, or a row is damaged.
        """
        after = self.pruned() if after is None else after

        with _coded():
            cursor = self._connection.execute(
                f"SELECT seq, record, chain FROM decisions WHERE seq > :after AND {_SELECTED} "  # noqa: S608  # ours
                "AND (:last IS NULL OR seq <= :last) ORDER BY seq",
                {**asdict(selection), "after": after, "last": last},
            )
            cursor.row_factory = None  # plain tuples: a million rows pass through here

            for seq, text, chain in cursor:
                if not (isinstance(text, str) and (text.isascii() or encodable(text))):
                    raise unreadable(seq)

                if not isinstance(chain, bytes):
                    raise unreadable(seq)

                yield seq, text, chain

    def count(self, tenant: str | None = None, *, selection: Selection | None = None) -> int:
        """Return how many records `records` will yield at most."""
        selected = selection or Selection(tenant=tenant)
        # Without a condition SQLite counts an index, and need not read the records; few are let
        # go of and still there.
        where = f"WHERE {_SELECTED}" if selected != EVERYTHING else ""
        every, gone = (
            f"SELECT count(*) FROM {rows} {where}"  # noqa: S608  # ours
            for rows in ("decisions", "(SELECT * FROM decisions WHERE seq <= :after)")
        )

        with _coded():
            row = self._connection.execute(
                f"SELECT ({every}) - ({gone})", {**asdict(selected), "after": self.pruned()}
            ).fetchone()

        return int(row[0])

    def kept(self, after: int | None = None) -> Iterator[KeptRow]:
        """Yield the rows as they are kept, whatever was done to them, in order.

        They begin after a place, or with the lowest that there is.
        """
        where, values = ("", ()) if after is None else ("WHERE seq > ?", (after,))

        with _coded():
            found = self._connection.execute(f"{ROWS} {where} ORDER BY seq", values)
            yield from (read_row(tuple(row)) for row in found)

    def links(self, after: int = 0) -> Iterator[Link]:
        """Yield the leaves and the chain of the rows after a place, in order."""
        with _coded():
            found = self._connection.execute(
                "SELECT seq, leaf, chain FROM decisions WHERE seq > ? ORDER BY seq", (after,)
            )
            yield from (Link(seq=seq, leaf=leaf, chain=chain) for seq, leaf, chain in found)

    def heads(self) -> Iterator[SignedHead]:
        """Yield the signed heads, the smallest first."""
        with _coded():
            found = self._connection.execute(f"{HEADS} FROM tree_heads ORDER BY size")
            yield from (read_head(tuple(row)) for row in found)

    def keys(self) -> tuple[LogKey, ...]:
        """Return the keys that have signed for this log, oldest first."""
        with _coded():
            found = self._connection.execute(f"{KEYS} ORDER BY at_ms, rowid")
            return tuple(read_key(tuple(row)) for row in found)

    def pruned(self) -> int:
        """Return how many rows, from the first ever on, were let go of."""
        return self._number("SELECT max(size) FROM prunings")

    def lingering(self) -> int:
        """Return how many of the rows that were let go of are still there."""
        return self._number(
            "SELECT count(*) FROM decisions "
            "WHERE seq BETWEEN 1 AND (SELECT max(size) FROM prunings)"
        )

    def given(self) -> int:
        """Return the last place that the database has given to a row."""
        return self._number("SELECT seq FROM sqlite_sequence WHERE name = 'decisions'")

    def place(self, decision_id: str) -> int:
        """Return where a decision stands in the log, 0 if it is not there."""
        query = "SELECT seq FROM decisions WHERE decision_id = ? AND seq > ?"
        return self._number(query, (decision_id, self.pruned()))

    def _number(self, query: str, values: tuple[str | int, ...] = ()) -> int:
        """Return the one number that a query finds, 0 for none."""
        with _coded():
            row = self._connection.execute(query, values).fetchone()

        return int(row[0] or 0) if row else 0

    def actions(self, state: ActionState | None, limit: int) -> tuple[Action, ...]:
        """Return the newest actions, of one state or of all, newest first."""
        with _coded():
            return tuple(
                select_actions(
                    self._connection,
                    self._host,
                    "? IS NULL OR state = ?",
                    (state, state),
                    limit,
                    order="created_ms DESC, place DESC",
                )
            )

    def action(self, action_id: str) -> Action | None:
        """Return the action of that id, whoever's it is, or None."""
        with _coded():
            found = select_actions(self._connection, self._host, "action_id = ?", (action_id,), 1)
            return next(found, None)

    def events(self, action_id: str) -> tuple[ActionEvent, ...]:
        """Return what happened to the action, oldest first."""
        with _coded():
            rows = self._connection.execute(
                "SELECT at_ms, state, fence, attempts, detail FROM action_events "
                "WHERE action_id = ? ORDER BY seq",
                (action_id,),
            ).fetchall()

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
        """Let go of the file."""
        self._connection.close()
