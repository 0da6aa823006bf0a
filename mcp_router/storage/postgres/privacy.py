"""The tables of privacy; a key is forgotten in one transaction with the event that tells of it."""

from collections.abc import Sequence

from psycopg.rows import DictRow

from mcp_router.domain.privacy import ContentKind, Erased, KeptContent, KeptVault
from mcp_router.domain.record import Record
from mcp_router.storage.postgres.database import Connection, Database
from mcp_router.storage.postgres.decisions import append_record, is_kept

_KEY = "SELECT key FROM privacy_keys WHERE tenant = %s AND name = %s"
# The lock makes whoever erases wait, so that nothing is kept behind a key that is being forgotten.
_HOLD_KEY = f"{_KEY} AND key = %s FOR SHARE"
_INSERT_KEY = """
    INSERT INTO privacy_keys (tenant, name, key, created_ms) VALUES (%s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""
_KEEP = """
    INSERT INTO contents (tenant, decision_id, kind, subject, at_ms, sealed)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_CONTENTS = """
    SELECT tenant, decision_id, kind, subject, at_ms, sealed FROM contents
    WHERE tenant = %s AND decision_id = %s ORDER BY kind DESC
"""
_KEEP_VAULT = """
    INSERT INTO vaults (tenant, conversation, subject, at_ms, sealed) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (tenant, conversation, subject)
    DO UPDATE SET at_ms = excluded.at_ms, sealed = excluded.sealed
    WHERE vaults.sealed = %s::bytea
"""
_VAULT = """
    SELECT tenant, conversation, subject, at_ms, sealed FROM vaults
    WHERE tenant = %s AND conversation = %s AND subject = %s
"""
_FORGET = "DELETE FROM privacy_keys WHERE tenant = %s AND name = %s"
_DROP_CONTENTS = "DELETE FROM contents WHERE tenant = %s AND subject = %s"
_DROP_VAULTS = "DELETE FROM vaults WHERE tenant = %s AND subject = %s"


class PrivacyTable:
    """Keeps keys, sealed content and sealed vaults."""

    def __init__(self, database: Database) -> None:
        """Use the tables in `database`."""
        self._database = database

    async def key(self, tenant: str, name: str) -> bytes | None:
        """Return the kept key of that name, None if there is none."""

        async def job(connection: Connection, again: bool) -> bytes | None:
            return await _key(connection, tenant, name)

        return await self._database.run(job)

    async def ensure_key(self, tenant: str, name: str, key: bytes, at_ms: int) -> bytes:
        """Return the kept key of that name; this one, if there was none."""

        async def job(connection: Connection, again: bool) -> bytes:
            await connection.execute(_INSERT_KEY, (tenant, name, key, at_ms))
            return await _key(connection, tenant, name) or key

        return await self._database.run(job)

    async def keep_contents(self, key: bytes, rows: Sequence[KeptContent]) -> bool:
        """Keep texts of one subject if `key` is still the subject's; say whether."""

        async def job(connection: Connection, again: bool) -> bool:
            async with connection.transaction():
                for row in rows:
                    if not await _holds(connection, row.tenant, row.subject, key):
                        return False

                    await connection.execute(
                        _KEEP,
                        (row.tenant, row.decision_id, row.kind, row.subject, row.at_ms, row.sealed),
                    )

                return True

        return await self._database.run(job)

    async def contents(self, tenant: str, decision_id: str) -> tuple[KeptContent, ...]:
        """Return what is kept of a call."""

        async def job(connection: Connection, again: bool) -> tuple[KeptContent, ...]:
            found = await connection.execute(_CONTENTS, (tenant, decision_id))
            return tuple([_read_content(row) async for row in found])

        return await self._database.run(job)

    async def keep_vault(self, key: bytes, row: KeptVault, *, before: bytes | None) -> bool:
        """Keep a vault, in place of the one that is sealed as `before`; say whether."""

        async def job(connection: Connection, again: bool) -> bool:
            async with connection.transaction():
                if not await _holds(connection, row.tenant, row.subject, key):
                    return False

                kept = await connection.execute(
                    _KEEP_VAULT,
                    (row.tenant, row.conversation, row.subject, row.at_ms, row.sealed, before),
                )
                return kept.rowcount == 1

        return await self._database.run(job)

    async def vault(self, tenant: str, conversation: str, subject: str) -> KeptVault | None:
        """Return the vault of a conversation with one subject."""

        async def job(connection: Connection, again: bool) -> KeptVault | None:
            found = await connection.execute(_VAULT, (tenant, conversation, subject))
            row = await found.fetchone()
            return _read_vault(row) if row else None

        return await self._database.run(job)

    async def erase(self, tenant: str, subject: str, event: Record) -> Erased:
        """Forget the subject's key and all that was kept under it, and append `event` with that."""

        async def job(connection: Connection, again: bool) -> Erased:
            async with connection.transaction():
                erased = Erased(
                    # The key first: it waits for whoever keeps something under it just now.
                    keys=(await connection.execute(_FORGET, (tenant, subject))).rowcount,
                    contents=(await connection.execute(_DROP_CONTENTS, (tenant, subject))).rowcount,
                    vaults=(await connection.execute(_DROP_VAULTS, (tenant, subject))).rowcount,
                )

                # After a lost connection the former try may have been kept, event and all.
                if not (again and await is_kept(connection, event)):
                    await append_record(connection, event)

                return erased

        return await self._database.run(job)

    async def prune(self, *, contents_before_ms: int, vaults_before_ms: int) -> int:
        """Delete what was kept before these times; say how much."""

        async def job(connection: Connection, again: bool) -> int:
            contents = await connection.execute(
                "DELETE FROM contents WHERE at_ms < %s", (contents_before_ms,)
            )
            vaults = await connection.execute(
                "DELETE FROM vaults WHERE at_ms < %s", (vaults_before_ms,)
            )
            return contents.rowcount + vaults.rowcount

        return await self._database.run(job)


async def _key(connection: Connection, tenant: str, name: str) -> bytes | None:
    """Select a key."""
    found = await connection.execute(_KEY, (tenant, name))
    row = await found.fetchone()
    return bytes(row["key"]) if row else None


async def _holds(connection: Connection, tenant: str, name: str, key: bytes) -> bool:
    """Return whether the key is still there, and keep it there until the transaction ends."""
    found = await connection.execute(_HOLD_KEY, (tenant, name, key))
    return await found.fetchone() is not None


def _read_content(row: DictRow) -> KeptContent:
    """Return the content of a row."""
    return KeptContent(
        tenant=row["tenant"],
        subject=row["subject"],
        decision_id=row["decision_id"],
        kind=ContentKind(row["kind"]),
        sealed=bytes(row["sealed"]),
        at_ms=row["at_ms"],
    )


def _read_vault(row: DictRow) -> KeptVault:
    """Return the vault of a row."""
    return KeptVault(
        tenant=row["tenant"],
        conversation=row["conversation"],
        subject=row["subject"],
        sealed=bytes(row["sealed"]),
        at_ms=row["at_ms"],
    )
