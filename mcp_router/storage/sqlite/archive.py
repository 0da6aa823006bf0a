"""Reads a store from outside the server: for exports and for people who look into the ledger."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Self

from mcp_router.domain.action import Action, ActionEvent, ActionState
from mcp_router.domain.record import StoredRecord
from mcp_router.domain.selection import EVERYTHING, Selection
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.owner import ThisHost
from mcp_router.storage.records import read_record
from mcp_router.storage.sqlite.actions import select_actions
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
        if not path.exists():
            raise StorageUnavailable("There is no decision log there yet.")

        with _coded():
            self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)

        self._connection.row_factory = sqlite3.Row
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
        for seq, text in self.rows(selection or Selection(tenant=tenant, since_ms=since_ms)):
            yield read_record(seq, text)

    def rows(self, selection: Selection = EVERYTHING) -> Iterator[tuple[int, str]]:
        """Yield place and text of each selected record in order, unread: as the log keeps them.

        Raises:
            StorageUnavailable: the file is no store of the router.
        """
        with _coded():
            cursor = self._connection.execute(
                f"SELECT seq, record FROM decisions WHERE {_SELECTED} ORDER BY seq",  # noqa: S608  # ours
                asdict(selection),
            )
            cursor.row_factory = None  # plain tuples: a million rows pass through here
            yield from cursor

    def count(self, tenant: str | None = None, *, selection: Selection | None = None) -> int:
        """Return how many records `records` will yield at most."""
        selected = selection or Selection(tenant=tenant)
        # Without a condition SQLite counts an index, and need not read the records.
        where = f"WHERE {_SELECTED}" if selected != EVERYTHING else ""

        with _coded():
            row = self._connection.execute(
                f"SELECT count(*) FROM decisions {where}",  # noqa: S608  # ours
                asdict(selected),
            ).fetchone()

        return int(row[0])

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
