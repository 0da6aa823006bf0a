"""The tables of privacy; a key is forgotten in one transaction with the event that tells of it."""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

import anyio

from mcp_router.domain.privacy import ContentKind, Erased, KeptContent, KeptVault
from mcp_router.domain.record import Record
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.sqlite.database import Database
from mcp_router.storage.sqlite.decisions import insert_record

_LOG_TRIES = 10
_LOG_PAUSE_S = 0.1
_LOG_WAIT_MS = 50

_KEY = "SELECT key FROM privacy_keys WHERE tenant = ? AND name = ?"


class PrivacyTable:
    """Keeps keys, sealed content and sealed vaults."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def key(self, tenant: str, name: str) -> bytes | None:
        """Return the kept key of that name, None if there is none."""
        return await self._database.read(lambda connection: _key(connection, tenant, name))

    async def ensure_key(self, tenant: str, name: str, key: bytes, at_ms: int) -> bytes:
        """Return the kept key of that name; this one, if there was none."""

        def job(connection: sqlite3.Connection) -> bytes:
            connection.execute(
                "INSERT INTO privacy_keys (tenant, name, key, created_ms) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (tenant, name, key, at_ms),
            )
            return _key(connection, tenant, name) or key

        return await self._database.write(job)

    async def keep_contents(self, key: bytes, rows: Sequence[KeptContent]) -> bool:
        """Keep texts of one subject if `key` is still the subject's; say whether."""

        def job(connection: sqlite3.Connection) -> bool:
            if any(_key(connection, row.tenant, row.subject) != key for row in rows):
                return False

            connection.executemany(
                "INSERT INTO contents (tenant, decision_id, kind, subject, at_ms, sealed) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (row.tenant, row.decision_id, row.kind, row.subject, row.at_ms, row.sealed)
                    for row in rows
                ],
            )
            return True

        return await self._database.write(job)

    async def contents(self, tenant: str, decision_id: str) -> tuple[KeptContent, ...]:
        """Return what is kept of a call."""

        def job(connection: sqlite3.Connection) -> tuple[KeptContent, ...]:
            found = connection.execute(
                "SELECT tenant, decision_id, kind, subject, at_ms, sealed FROM contents "
                "WHERE tenant = ? AND decision_id = ? ORDER BY kind DESC",
                (tenant, decision_id),
            )
            return tuple(map(_read_content, found))

        return await self._database.read(job)

    async def keep_vault(self, key: bytes, row: KeptVault, *, before: bytes | None) -> bool:
        """Keep a vault, in place of the one that is sealed as `before`; say whether."""

        def job(connection: sqlite3.Connection) -> bool:
            if _key(connection, row.tenant, row.subject) != key:
                return False

            kept = connection.execute(
                "INSERT INTO vaults (tenant, conversation, subject, at_ms, sealed) "
                "VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, sealed = excluded.sealed "
                "WHERE sealed = ?",
                (row.tenant, row.conversation, row.subject, row.at_ms, row.sealed, before),
            )
            return kept.rowcount == 1

        return await self._database.write(job)

    async def vault(self, tenant: str, conversation: str, subject: str) -> KeptVault | None:
        """Return the vault of a conversation with one subject."""

        def job(connection: sqlite3.Connection) -> KeptVault | None:
            row = connection.execute(
                "SELECT tenant, conversation, subject, at_ms, sealed FROM vaults "
                "WHERE tenant = ? AND conversation = ? AND subject = ?",
                (tenant, conversation, subject),
            ).fetchone()
            return _read_vault(row) if row else None

        return await self._database.read(job)

    async def erase(self, tenant: str, subject: str, event: Record) -> Erased:
        """Forget the subject's key and all that was kept under it, and append `event` with that."""

        def job(connection: sqlite3.Connection) -> Erased:
            erased = Erased(
                keys=_delete(connection, "privacy_keys", "name", tenant, subject),
                contents=_delete(connection, "contents", "subject", tenant, subject),
                vaults=_delete(connection, "vaults", "subject", tenant, subject),
            )
            insert_record(connection, event)
            return erased

        erased = await self._database.write(job)
        await self._empty_log()
        return erased

    async def prune(self, *, contents_before_ms: int, vaults_before_ms: int) -> int:
        """Delete what was kept before these times; say how much."""

        def job(connection: sqlite3.Connection) -> int:
            contents = connection.execute(
                "DELETE FROM contents WHERE at_ms < ?", (contents_before_ms,)
            )
            vaults = connection.execute("DELETE FROM vaults WHERE at_ms < ?", (vaults_before_ms,))
            return contents.rowcount + vaults.rowcount

        return await self._database.write(job)

    async def _empty_log(self) -> None:
        """Take what was erased out of the write-ahead log too, as far as readers let that happen.

        Until then the file itself holds it as well. Whoever reads an older state, such as an
        export, needs the log: it is given up after some tries, and a later erasure tries again.
        """
        with suppress(StorageUnavailable):  # what was erased is erased all the same
            for _ in range(_LOG_TRIES):
                if await self._database.read(_emptied):
                    return

                await anyio.sleep(_LOG_PAUSE_S)


def _emptied(connection: sqlite3.Connection) -> bool:
    """Write the log into the file and empty it; say whether nobody was in the way."""
    (usual_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    # It holds up writers for as long as it waits for readers.
    connection.execute(f"PRAGMA busy_timeout = {_LOG_WAIT_MS}")

    try:
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {usual_ms}")

    return not busy


def _key(connection: sqlite3.Connection, tenant: str, name: str) -> bytes | None:
    """Select a key."""
    row = connection.execute(_KEY, (tenant, name)).fetchone()
    return bytes(row["key"]) if row else None


def _delete(
    connection: sqlite3.Connection, table: str, column: str, tenant: str, subject: str
) -> int:
    """Delete a subject's rows of one table; say how many."""
    # `secure_delete` belongs to a connection: what is forgotten is overwritten in the file.
    connection.execute("PRAGMA secure_delete = ON")
    return connection.execute(
        f"DELETE FROM {table} WHERE tenant = ? AND {column} = ?",  # noqa: S608  # our words
        (tenant, subject),
    ).rowcount


def _read_content(row: sqlite3.Row) -> KeptContent:
    """Return the content of a row."""
    return KeptContent(
        tenant=row["tenant"],
        subject=row["subject"],
        decision_id=row["decision_id"],
        kind=ContentKind(row["kind"]),
        sealed=row["sealed"],
        at_ms=row["at_ms"],
    )


def _read_vault(row: sqlite3.Row) -> KeptVault:
    """Return the vault of a row."""
    return KeptVault(
        tenant=row["tenant"],
        conversation=row["conversation"],
        subject=row["subject"],
        sealed=row["sealed"],
        at_ms=row["at_ms"],
    )
