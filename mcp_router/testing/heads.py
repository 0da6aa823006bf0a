"""The store of signed heads in memory; it passes the same contract suite as the databases."""

from collections.abc import Sequence

from anyio.lowlevel import checkpoint

from mcp_router.domain.record import Record
from mcp_router.domain.tree_head import KeptRow, LogKey, SignedHead
from mcp_router.errors import StorageUnavailable
from mcp_router.testing.stores import MemoryRecords


class MemoryHeads:
    """Heads in memory, over `records`. While `broken` it raises StorageUnavailable."""

    def __init__(self, records: MemoryRecords) -> None:
        """Start empty."""
        self._records = records
        self._heads: list[SignedHead] = []
        self._keys: list[LogKey] = []
        self._pruned = 0
        self.broken = False

    async def newest(self) -> SignedHead | None:
        """Return the head of the largest tree, None before the first."""
        await self._work()
        return self._heads[-1] if self._heads else None

    async def heads_after(self, size: int) -> Sequence[SignedHead]:
        """Return the heads of larger trees, the smallest first."""
        await self._work()
        return [one for one in self._heads if one.head.size > size]

    async def covering(self, before_ms: int) -> SignedHead | None:
        """Return the largest head that covers only rows from before that time."""
        await self._work()
        late = (row.seq for row in self._records.kept() if (_at_ms(row) or 0) >= before_ms)
        end = next(late, None)
        covering = (one for one in reversed(self._heads) if end is None or one.head.size < end)
        return next(covering, None)

    async def last(self) -> int:
        """Return the place of the newest row, 0 where there is none."""
        await self._work()
        rows = self._records.kept()
        return rows[-1].seq if rows else 0

    async def rows(self, after: int, limit: int) -> Sequence[KeptRow]:
        """Return the first rows after a place, in order."""
        await self._work()
        return [row for row in self._records.kept() if row.seq > after][:limit]

    async def keys(self) -> tuple[LogKey, ...]:
        """Return every key that has signed for this log, oldest first."""
        await self._work()
        return tuple(self._keys)

    async def add_head(self, signed: SignedHead) -> bool:
        """Keep a head that follows the newest one; say False where another one did."""
        await self._work()

        if (self._heads[-1].head.size if self._heads else 0) != signed.previous:
            return False

        self._heads.append(signed)
        return True

    async def add_key(self, key: LogKey, event: Record) -> bool:
        """Keep a new key and append `event`, or do neither where it is known; say whether."""
        await self._work()

        if any(one.key_id == key.key_id for one in self._keys):
            return False

        self._keys.append(key)
        self._records.add(event)
        return True

    async def prune(self, signed: SignedHead, event: Record) -> None:
        """Let go of every row that a kept head covers, and append `event`; `sweep` deletes them.

        Where they were let go of already nothing happens.
        """
        await self._work()

        if signed.head.size <= self._pruned:
            return

        self._pruned = signed.head.size
        self._records.add(event)

    async def sweep(self, limit: int) -> int:
        """Delete at most `limit` rows that were let go of, the oldest first; say how many."""
        await self._work()
        return self._records.forget(self._pruned, limit)

    async def _work(self) -> None:
        """Let other tasks run, as a database does, then refuse if the store is broken."""
        await checkpoint()

        if self.broken:
            raise StorageUnavailable("The store is broken for a test.")


def _at_ms(row: KeptRow) -> int | None:
    """Return when a row's call came."""
    at_ms = row.columns[1]
    return at_ms if isinstance(at_ms, int) else None
