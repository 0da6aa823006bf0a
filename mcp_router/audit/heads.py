"""Signs heads of the decision log's tree, hands them to the anchors, and lets go of old rows.

What is signed is read and hashed again first: a row that was changed since it was appended stops
the signing, so that no head ever vouches for it. So does a store that has lost or replaced a head
which this process knows.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mcp_router.audit.growth import Growth, follows, largest_signed, otherwise
from mcp_router.audit.signing import Signer
from mcp_router.audit.statements import anchor_line, key_statement
from mcp_router.audit.trust import trusted_keys
from mcp_router.clock import Clock
from mcp_router.domain.audit_event import AuditChange, AuditEvent
from mcp_router.domain.ids import Entropy, make_id
from mcp_router.domain.record import Record
from mcp_router.domain.tree_head import KeptRow, LogKey, SignedHead
from mcp_router.errors import LogBroken, SigningKeyUnusable, StorageUnavailable

_logger = logging.getLogger(__name__)

TENANT = "local"  # whose events are: the operator's
TOOL = "audit"
ROUTER = "mcp-router"
"""Who acts where no person does."""

_BATCH = 1000
_SWEEP = 5000
_TRIES = 5


class HeadStore(Protocol):
    """What the keeper asks of a database."""

    async def newest(self) -> SignedHead | None:
        """Return the head of the largest tree, None before the first."""

    async def heads_after(self, size: int) -> Sequence[SignedHead]:
        """Return the heads of larger trees, the smallest first."""

    async def covering(self, before_ms: int) -> SignedHead | None:
        """Return the largest head that covers only rows from before that time."""

    async def last(self) -> int:
        """Return the place of the newest row, 0 where there is none."""

    async def rows(self, after: int, limit: int) -> Sequence[KeptRow]:
        """Return the first rows after a place, in order."""

    async def keys(self) -> tuple[LogKey, ...]:
        """Return every key that has signed for this log, oldest first."""

    async def add_head(self, signed: SignedHead) -> bool:
        """Keep a head that follows the newest one; say False where another one did."""

    async def add_key(self, key: LogKey, event: Record) -> bool:
        """Keep a new key and append `event`, or do neither where it is known; say whether."""

    async def prune(self, signed: SignedHead, event: Record) -> None:
        """Let go of every row that a kept head covers, and append `event`; `sweep` deletes them."""

    async def sweep(self, limit: int) -> int:
        """Delete at most `limit` rows that were let go of, the oldest first; say how many."""


class Anchor(Protocol):
    """Keeps a line outside the database."""

    name: str

    async def send(self, line: str) -> None:
        """Return once it is kept; raises StorageUnavailable where it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPace:
    """When a head is due: after so long or so many rows, if the log grew."""

    every_s: float = 3600.0
    every_rows: int = 10_000


class HeadKeeper:
    """Signs the heads of one log with one key."""

    def __init__(
        self,
        store: HeadStore,
        clock: Clock,
        entropy: Entropy,
        *,
        signer: Callable[[], Signer],
        pace: HeadPace | None = None,
        anchors: tuple[Anchor, ...] = (),
        anchored: Callable[[], Iterable[SignedHead]] = tuple,
        alarm: Callable[[LogBroken], None] = lambda broken: None,
    ) -> None:
        """Open the key with `signer` when it is first needed; tell `alarm` of a broken log.

        `anchored` returns heads that were sent to an anchor before this process began.
        """
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._open = signer
        self._pace = pace or HeadPace()
        self._sent = dict.fromkeys(anchors, 0)
        self._anchored = anchored
        self._alarm = alarm
        self._signer: Signer | None = None
        self._known: SignedHead | None = None  # the largest that was signed, seen or anchored
        self._recalled = False
        self._told: str | None = None

    async def work(self) -> None:
        """Sign a head if one is due, and send the newest one to every anchor that has it not.

        Raises:
            StorageUnavailable: the store is away; the next time makes up for it.
        """
        try:
            newest = await self._newest()

            if await self._is_due(newest):
                newest = await self.sign()

            if newest is not None and self._sent:
                await self._anchor(newest)

            self._told = None
        except LogBroken as broken:
            self._tell(broken.message)
            self._alarm(broken)
        except SigningKeyUnusable as error:
            self._tell(error.message)

    async def sign(self) -> SignedHead | None:
        """Return a head over every row that is there now, None where there is none.

        Raises:
            LogBroken: a row is not what was appended, or a head is gone; the message names it.
            SigningKeyUnusable: there is no key to sign with.
            StorageUnavailable: the head could not be kept.
        """
        signer = await self._known_signer()

        for _ in range(_TRIES):
            newest = await self._newest()
            grown = await self._grow(newest, signer)

            if grown is None:
                return newest

            if await self._store.add_head(grown):
                self._know(grown)
                return grown

        raise StorageUnavailable("Other replicas sign heads faster than this one can.")

    async def rotate(self, new: Signer, *, who: str, why: str) -> LogKey:
        """Sign with another key from now on; the old one vouches for it first.

        Raises:
            SigningKeyUnusable: there is no old key.
            LogBroken: the log is not what was written.
        """
        await self.sign()
        old = await self._known_signer()
        draft = LogKey(
            key_id=new.key_id,
            public_key=new.public_key,
            at_ms=self._clock.now_ms(),
            signed_by=old.key_id,
        )
        message = key_statement(draft)
        key = replace(draft, signature=old.sign(message), accepted=new.sign(message))
        await self._store.add_key(key, self._key_event(key, who, why))
        self._signer = new
        return key

    async def prune(self, before_ms: int, *, who: str, why: str) -> int:
        """Delete rows from before that time up to the largest head over them; say how many.

        The heads stay, and so does an event.

        Raises:
            LogBroken: the log is not what was written; nothing is deleted.
        """
        left = await self._sweep()  # what an earlier pruning was interrupted in
        await self.sign()
        head = await self._store.covering(before_ms)

        if head is None or not await self._store.rows(0, 1):
            return left

        [first] = await self._store.rows(0, 1)

        if first.seq > head.head.size:
            return left

        event = AuditEvent(change=AuditChange.LOG_PRUNED, who=who, why=why, size=head.head.size)
        await self._store.prune(head, self.record(event))
        return left + await self._sweep()

    def record(self, event: AuditEvent) -> Record:
        """Return an event as the decision log keeps it."""
        return audit_record(event, self._clock, self._entropy)

    async def public_key(self) -> str:
        """Return the public half of the key that this keeper signs with.

        Raises:
            SigningKeyUnusable: there is none.
        """
        return (await self._known_signer()).public_key

    async def _sweep(self) -> int:
        """Delete what was let go of, in steps that no call has to wait for."""
        total = 0

        while swept := await self._store.sweep(_SWEEP):
            total += swept

        return total

    async def _is_due(self, newest: SignedHead | None) -> bool:
        """Return whether the log has grown since its newest head for long enough, or by enough."""
        signed = newest.head.size if newest else 0
        grown = await self._store.last() - signed

        if grown <= 0:
            return False

        if grown >= self._pace.every_rows:
            return True

        since_ms = newest.head.at_ms if newest else await self._first_ms()
        return self._clock.now_ms() - since_ms >= self._pace.every_s * 1000

    async def _newest(self) -> SignedHead | None:
        """Return the store's newest head, which must grow out of the largest one that is known.

        Raises:
            LogBroken: it does not, or there is none any more.
        """
        await self._recall()
        known = self._known  # before the store is asked: meanwhile another task may sign
        newest = await self._store.newest()

        if known is not None and not follows(known, newest):
            # Others have signed in between: the proof of each head leads to the next one.
            for one in await self._store.heads_after(known.head.size):
                if not follows(known, one):
                    raise otherwise(known)

                known = one

        if newest is not None:
            self._know(newest)

        return newest

    async def _recall(self) -> None:
        """Know, from the first time on, the largest anchored head that a key of ours has signed."""
        if self._recalled:
            return

        if anchored := tuple(self._anchored()):
            believed = trusted_keys([self._open().public_key], await self._store.keys())
            self._known = largest_signed(anchored, believed)

        self._recalled = True

    def _know(self, signed: SignedHead) -> None:
        """Remember a head that the store has, unless a larger one is known."""
        if self._known is None or signed.head.size >= self._known.head.size:
            self._known = signed

    async def _first_ms(self) -> int:
        """Return when the log's first row came."""
        for row in await self._store.rows(0, 1):
            at_ms = row.columns[1]
            return at_ms if isinstance(at_ms, int) else 0

        return self._clock.now_ms()

    async def _known_signer(self) -> Signer:
        """Return the signer, once the log knows its key."""
        if self._signer is not None:
            return self._signer

        signer = self._open()
        keys = await self._store.keys()

        if all(key.key_id != signer.key_id for key in keys):
            if keys:
                _logger.warning("the log's heads were signed by another key, which knows not this")

            key = LogKey(
                key_id=signer.key_id, public_key=signer.public_key, at_ms=self._clock.now_ms()
            )
            why = "another key was found" if keys else "the first key"
            await self._store.add_key(key, self._key_event(key, ROUTER, why))

        self._signer = signer
        return signer

    def _key_event(self, key: LogKey, who: str, why: str) -> Record:
        """Return the event of a new key."""
        event = AuditEvent(
            change=AuditChange.KEYS_CHANGED,
            who=who,
            why=why,
            key_id=key.key_id,
            public_key=key.public_key,
            signed_by=key.signed_by,
            signature=key.signature,
            accepted=key.accepted,
        )
        return self.record(event)

    async def _grow(self, newest: SignedHead | None, signer: Signer) -> SignedHead | None:
        """Return the signed head that follows the newest one, None where nothing has come."""
        signed = newest.head.size if newest else 0
        size = await self._store.last()

        if size < signed:
            raise LogBroken(f"Rows {size + 1} to {signed} of the decision log are missing.")

        if size == signed:
            return None

        growth = await self._read(newest, size)
        return growth.signed(signer, self._clock.now_ms())

    async def _read(self, since: SignedHead | None, size: int) -> Growth:
        """Return how the log has grown to `size` rows since a head."""
        growth = Growth(since, size)

        while growth.at < size:
            rows = await self._store.rows(growth.at, min(_BATCH, size - growth.at))

            if not rows:
                raise LogBroken(f"Row {growth.at + 1} of the decision log is missing.")

            for row in rows:
                growth.take(row)

        return growth

    async def _anchor(self, newest: SignedHead) -> None:
        """Send the newest head to every anchor that has not had it."""
        keys = {key.key_id: key.public_key for key in await self._store.keys()}
        line = anchor_line(newest, keys.get(newest.head.key_id, ""))

        for anchor, size in self._sent.items():
            if size >= newest.head.size:
                continue

            try:
                await anchor.send(line)
                self._sent[anchor] = newest.head.size
            except StorageUnavailable as error:
                _logger.warning("%s It is tried again.", error.message)

    def _tell(self, message: str) -> None:
        """Log what is wrong once, and not every few seconds."""
        if message != self._told:
            _logger.error("no head of the decision log is signed: %s", message)
            self._told = message


def audit_record(
    event: AuditEvent, clock: Clock, entropy: Entropy, *, transport: str = "cli"
) -> Record:
    """Return an event as the decision log keeps it."""
    now_ms = clock.now_ms()
    return Record(
        decision_id=make_id("evt", now_ms, entropy),
        at_ms=now_ms,
        tenant=TENANT,
        principal=event.who,
        transport=transport,
        tool=TOOL,
        outcome="ok",
        latency_ms=0,
        audit=event,
    )
