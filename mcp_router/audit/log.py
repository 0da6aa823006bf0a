"""The decision log: exactly one record for every call, on disk before its answer leaves."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

import anyio

from mcp_router.clock import Clock, since_ms
from mcp_router.domain.action import Action
from mcp_router.domain.attempt import Attempt
from mcp_router.domain.budget import Balance
from mcp_router.domain.call import Call
from mcp_router.domain.decision import Decision
from mcp_router.domain.guardrails import Advice, AnswerConfidence, CacheUse
from mcp_router.domain.learning import OutcomeReport
from mcp_router.domain.privacy import PiiCount
from mcp_router.domain.record import ModelAnswer, Record, StoredRecord
from mcp_router.errors import RouterError, StorageUnavailable, UnknownDecision, public_error
from mcp_router.telemetry.tracing import UNTRACED, Tracer

_logger = logging.getLogger(__name__)

MOST_OWED = 10_000
"""How many records of reads are kept in memory while the store is away; then reads stop too."""

OK = "ok"
ERROR = "error"
CANCELLED = "cancelled"
ESCALATED = "escalated"  # no answer was published: a person takes over
INCOMPLETE = "incomplete"  # the answer broke off after a part of it was handed on


class RecordStore(Protocol):
    """What the log asks of a database."""

    async def append(self, record: Record) -> int:
        """Return the record's place once it is on disk."""

    async def find(self, tenant: str, decision_id: str) -> StoredRecord | None:
        """Return the tenant's record of a decision."""


class Draft:
    """What a walk has learned so far about the call that it serves; the log makes it a record."""

    def __init__(self, call: Call, since_ms: Callable[[], int] = lambda: 0) -> None:
        """Start with nothing but the call; `since_ms` tells the milliseconds since its start.

        Without it the call takes no time: for a walk that keeps no record.
        """
        self.call = call
        self.since_ms = since_ms
        self.decision: Decision | None = None
        self.attempts: list[Attempt] = []
        self.target: str | None = None
        self.answer: ModelAnswer | None = None
        self.action_id: str | None = None
        self.ticket_id: str | None = None
        self.customer_id: str | None = None
        self.report: OutcomeReport | None = None
        self.cost_microusd = 0
        self.cache: CacheUse | None = None
        self.budgets: tuple[Balance, ...] = ()
        self.confidence: AnswerConfidence | None = None
        self.advice: Advice | None = None
        self.escalation: str | None = None
        self.pii: tuple[PiiCount, ...] = ()
        self.prompt_digest: str | None = None
        self.answer_digest: str | None = None
        self.outcome = OK
        self.error_code: str | None = None

    def attempted(self, attempt: Attempt) -> None:
        """Note one attempt that has just ended, when it began, and what it cost.

        Here and not where it is sent: a chain or a delivery does not know when the call began.
        """
        started_ms = max(0, self.since_ms() - attempt.latency_ms)
        self.attempts.append(replace(attempt, started_ms=started_ms))
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

    def record(self) -> Record:
        """Return the frozen record."""
        return Record(
            decision_id=self.call.call_id,
            at_ms=self.call.received_ms,
            tenant=self.call.caller.tenant,
            principal=self.call.caller.principal,
            transport=self.call.caller.transport,
            tool=self.call.tool,
            outcome=self.outcome,
            latency_ms=self.since_ms(),
            client=self.call.client,
            run_id=self.call.run_id,
            ticket_id=self.ticket_id,
            customer_id=self.customer_id,
            decision=self.decision,
            attempts=tuple(self.attempts),
            target=self.target,
            cost_microusd=self.cost_microusd,
            answer=self.answer,
            action_id=self.action_id,
            error_code=self.error_code,
            report=self.report,
            cache=self.cache,
            budgets=self.budgets,
            confidence=self.confidence,
            advice=self.advice,
            escalation=self.escalation,
            trace_id=self.call.trace_id,
            pii=self.pii,
            prompt_digest=self.prompt_digest,
            answer_digest=self.answer_digest,
        )


class DecisionLog:
    """Appends one record a call and finds it again."""

    def __init__(
        self,
        store: RecordStore,
        clock: Clock,
        observers: tuple[Callable[[Record], None], ...] = (),
        tracer: Tracer = UNTRACED,
        *,
        scrub: Callable[[Record], Record] = lambda record: record,
    ) -> None:
        """Keep records in `store`; show each to `observers` and to `tracer` once it is on disk.

        `scrub` takes personal data out of a record before anybody sees it.
        """
        self._store = store
        self._clock = clock
        self._observers = observers
        self._tracer = tracer
        self._scrub = scrub
        self._owed: deque[Record] = deque()
        self._paying = anyio.Lock()

    @asynccontextmanager
    async def record(self, call: Call, *, may_owe: bool = False) -> AsyncIterator[Draft]:
        """Give the walk a draft, and put its record on disk however the walk ends.

        The append is shielded: a host that goes away leaves its record behind. A walk that
        changes nothing `may_owe` its record, and one that failed does: while the store cannot
        commit it is kept in memory, and goes to disk as soon as the store is back.

        Raises:
            StorageUnavailable: the record cannot be kept, so no answer may leave.
        """
        draft = self._draft(call)

        try:
            yield draft
        except BaseException as error:
            draft.failed(error)
            await self._append_failure(draft)
            raise

        await self._append(draft, may_owe=may_owe)

    async def refuse(self, call: Call, error: RouterError) -> None:
        """Record a call that was refused before any walk began."""
        draft = self._draft(call)
        draft.failed(error)
        await self._append(draft, may_owe=True)

    async def find(self, tenant: str, decision_id: str) -> StoredRecord:
        """Return the tenant's record of a decision.

        Raises:
            UnknownDecision: the tenant has none of that id.
        """
        stored = await self._store.find(tenant, decision_id)

        if stored is None:
            raise UnknownDecision("No decision has that id.")

        return stored

    async def catch_up(self) -> None:
        """Put on disk, in order, what is owed.

        Raises:
            StorageUnavailable: the store is not back yet; what is left stays owed.
        """
        async with self._paying:
            while self._owed:
                record = self._owed[0]

                # An append that broke off may have been kept all the same.
                if await self._store.find(record.tenant, record.decision_id) is None:
                    await self._store.append(record)

                self._owed.popleft()

    async def aclose(self) -> None:
        """Put on disk what is owed, or say how much is lost with this process."""
        try:
            await self.catch_up()
        except StorageUnavailable as error:
            _logger.error(
                "%d records of reads and refusals are lost: %s", len(self._owed), error.message
            )

    def _draft(self, call: Call) -> Draft:
        """Return a draft whose time begins now."""
        started_s = self._clock.monotonic_s()
        return Draft(call, lambda: since_ms(self._clock, started_s))

    async def _append_failure(self, draft: Draft) -> None:
        """Write or owe the record of a call that failed; its error tells more than a full disk."""
        try:
            await self._append(draft, may_owe=True)
        except StorageUnavailable as full:
            # Without a traceback: on a full disk this is said of every call.
            _logger.error(
                "no record could be kept of call %s: %s", draft.call.call_id, full.message
            )

    async def _append(self, draft: Draft, *, may_owe: bool) -> None:
        """Write the record, whatever happens to the task meanwhile."""
        record = self._scrub(draft.record())

        with anyio.CancelScope(shield=True):
            await self._keep(record, may_owe=may_owe)

        for observe in self._observers:
            observe(record)

        if draft.call.trace is not None:
            self._tracer.finished(record, draft.call.trace)

    async def _keep(self, record: Record, *, may_owe: bool) -> None:
        """Put the record on disk after what is owed, or owe it as well.

        While something is owed the store is known to be away: a read does not wait for it again.
        """
        if may_owe and 0 < len(self._owed) < MOST_OWED:
            self._owed.append(record)
            return

        try:
            if self._owed:
                await self.catch_up()

            await self._store.append(record)
        except StorageUnavailable:
            if not may_owe or len(self._owed) >= MOST_OWED:
                raise

            _logger.warning("the store is away: records of reads and refusals are kept in memory")
            self._owed.append(record)
