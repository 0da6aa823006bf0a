"""The store of privacy in memory; it passes the same contract suite as the databases."""

from collections.abc import Sequence

from anyio.lowlevel import checkpoint

from mcp_router.domain.privacy import ContentKind, Erased, KeptContent, KeptVault
from mcp_router.domain.record import Record
from mcp_router.errors import StorageUnavailable
from mcp_router.testing.stores import MemoryRecords


class MemoryPrivacy:
    """Keys, content and vaults in memory, with events in `records`.

    While `broken` it raises StorageUnavailable.
    """

    def __init__(self, records: MemoryRecords) -> None:
        """Start empty."""
        self._records = records
        self._keys: dict[tuple[str, str], bytes] = {}
        self._contents: dict[tuple[str, str, ContentKind], KeptContent] = {}
        self._vaults: dict[tuple[str, str, str], KeptVault] = {}
        self.broken = False

    async def key(self, tenant: str, name: str) -> bytes | None:
        """Return the kept key of that name, None if there is none."""
        await self._work()
        return self._keys.get((tenant, name))

    async def ensure_key(self, tenant: str, name: str, key: bytes, at_ms: int) -> bytes:
        """Return the kept key of that name; this one, if there was none."""
        await self._work()
        return self._keys.setdefault((tenant, name), key)

    async def keep_contents(self, key: bytes, rows: Sequence[KeptContent]) -> bool:
        """Keep texts of one subject if `key` is still the subject's; say whether."""
        await self._work()

        if any(self._keys.get((row.tenant, row.subject)) != key for row in rows):
            return False

        self._contents |= {(row.tenant, row.decision_id, row.kind): row for row in rows}
        return True

    async def contents(self, tenant: str, decision_id: str) -> tuple[KeptContent, ...]:
        """Return what is kept of a call."""
        await self._work()
        mine = [
            row
            for row in self._contents.values()
            if (row.tenant, row.decision_id) == (tenant, decision_id)
        ]
        return tuple(sorted(mine, key=lambda row: row.kind, reverse=True))

    async def keep_vault(self, key: bytes, row: KeptVault, *, before: bytes | None) -> bool:
        """Keep a vault, in place of the one that is sealed as `before`; say whether."""
        await self._work()

        place = row.tenant, row.conversation, row.subject
        there = self._vaults.get(place)

        if self._keys.get((row.tenant, row.subject)) != key:
            return False

        if there is not None and there.sealed != before:
            return False

        self._vaults[place] = row
        return True

    async def vault(self, tenant: str, conversation: str, subject: str) -> KeptVault | None:
        """Return the vault of a conversation with one subject."""
        await self._work()
        return self._vaults.get((tenant, conversation, subject))

    async def erase(self, tenant: str, subject: str, event: Record) -> Erased:
        """Forget the subject's key and all that was kept under it, and append `event` with that."""
        await self._work()
        contents = [at for at, row in self._contents.items() if _is_of(row, tenant, subject)]
        vaults = [at for at, row in self._vaults.items() if _is_of(row, tenant, subject)]
        key = self._keys.pop((tenant, subject), None)

        for place in contents:
            del self._contents[place]

        for name in vaults:
            del self._vaults[name]

        self._records.add(event)
        return Erased(keys=int(key is not None), contents=len(contents), vaults=len(vaults))

    async def prune(self, *, contents_before_ms: int, vaults_before_ms: int) -> int:
        """Delete what was kept before these times; say how much."""
        await self._work()
        before = len(self._contents) + len(self._vaults)
        self._contents = {
            at: row for at, row in self._contents.items() if row.at_ms >= contents_before_ms
        }
        self._vaults = {
            at: row for at, row in self._vaults.items() if row.at_ms >= vaults_before_ms
        }
        return before - len(self._contents) - len(self._vaults)

    async def _work(self) -> None:
        """Let other tasks run, as a database does, then refuse if the store is broken."""
        await checkpoint()

        if self.broken:
            raise StorageUnavailable("The store is broken for a test.")


def _is_of(row: KeptContent | KeptVault, tenant: str, subject: str) -> bool:
    return (row.tenant, row.subject) == (tenant, subject)
