"""The decision log: exactly one record for every call, on disk before its answer leaves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import anyio

from mcp_router.clock import Clock
from mcp_router.domain.action import Action
from mcp_router.domain.attempt import Attempt
from mcp_router.domain.call import Call
from mcp_router.domain.decision import Decision
from mcp_router.domain.record import ModelAnswer, Record, StoredRecord
from mcp_router.errors import RouterError, StorageUnavailable, UnknownDecision, public_error

_logger = logging.getLogger(__name__)

OK = "ok"
ERROR = "error"
CANCELLED = "cancelled"


class RecordStore(Protocol):
    """What the log asks of a database."""

    async def append(self, record: Record) -> int:
        """Return the record's place once it is on disk."""

    async def find(self, tenant: str, decision_id: str) -> StoredRecord | None:
        """Return the tenant's record of a decision."""


class Draft:
    """What a walk has learned so far about the call that it serves; the log makes it a record."""

    def __init__(self, call: Call) -> None:
        """Start with nothing but the call."""
        self.call = call
        self.decision: Decision | None = None
        self.attempts: list[Attempt] = []
        self.target: str | None = None
        self.answer: ModelAnswer | None = None
        self.action_id: str | None = None
        self.ticket_id: str | None = None
        self.cost_microusd = 0
        self.outcome = OK
        self.error_code: str | None = None

    def attempted(self, attempt: Attempt) -> None:
        """Note one attempt and what it cost."""
        self.attempts.append(attempt)
        self.cost_microusd += attempt.cost_microusd

    def acted(self, action: Action) -> None:
        """Note the action that the call reserved or met."""
        self.action_id = action.action_id
        self.target = action.target

    def failed(self, error: BaseException) -> None:
        """Note how the call ended without an answer."""
        if isinstance(error, asyncio.CancelledError):
            self.outcome = CANCELLED
        else:
            self.outcome = ERROR
            self.error_code = (
                public_error(error).code if isinstance(error, Exception) else RouterError.code
            )

    def record(self, *, latency_ms: int) -> Record:
        """Return the frozen record."""
        return Record(
            decision_id=self.call.call_id,
            at_ms=self.call.received_ms,
            tenant=self.call.caller.tenant,
            principal=self.call.caller.principal,
            transport=self.call.caller.transport,
            tool=self.call.tool,
            outcome=self.outcome,
            latency_ms=latency_ms,
            client=self.call.client,
            run_id=self.call.run_id,
            ticket_id=self.ticket_id,
            decision=self.decision,
            attempts=tuple(self.attempts),
            target=self.target,
            cost_microusd=self.cost_microusd,
            answer=self.answer,
            action_id=self.action_id,
            error_code=self.error_code,
        )


class DecisionLog:
    """Appends one record a call and finds it again."""

    def __init__(
        self,
        store: RecordStore,
        clock: Clock,
        observers: tuple[Callable[[Record], None], ...] = (),
    ) -> None:
        """Keep records in `store` and show each to `observers` once it is on disk."""
        self._store = store
        self._clock = clock
        self._observers = observers

    @asynccontextmanager
    async def record(self, call: Call) -> AsyncIterator[Draft]:
        """Give the walk a draft, and put its record on disk however the walk ends.

        The append is shielded: a host that goes away leaves its record behind.

        Raises:
            StorageUnavailable: the record cannot be kept, so no answer may leave.
        """
        draft = Draft(call)
        started_s = self._clock.monotonic_s()

        try:
            yield draft
        except BaseException as error:
            draft.failed(error)
            await self._append_failure(draft, started_s)
            raise

        await self._append(draft, started_s)

    async def refuse(self, call: Call, error: RouterError) -> None:
        """Record a call that was refused before any walk began."""
        draft = Draft(call)
        draft.failed(error)
        await self._append(draft, self._clock.monotonic_s())

    async def find(self, tenant: str, decision_id: str) -> StoredRecord:
        """Return the tenant's record of a decision.

        Raises:
            UnknownDecision: the tenant has none of that id.
        """
        stored = await self._store.find(tenant, decision_id)

        if stored is None:
            raise UnknownDecision("No decision has that id.")

        return stored

    async def _append_failure(self, draft: Draft, started_s: float) -> None:
        """Write the record of a call that failed; its own error tells more than a full disk."""
        try:
            await self._append(draft, started_s)
        except StorageUnavailable as full:
            # Without a traceback: on a full disk this is said of every call.
            _logger.error(
                "no record could be kept of call %s: %s", draft.call.call_id, full.message
            )

    async def _append(self, draft: Draft, started_s: float) -> None:
        """Write the record, whatever happens to the task meanwhile."""
        latency_ms = round((self._clock.monotonic_s() - started_s) * 1000)

        record = draft.record(latency_ms=latency_ms)

        with anyio.CancelScope(shield=True):
            await self._store.append(record)

        for observe in self._observers:
            observe(record)
