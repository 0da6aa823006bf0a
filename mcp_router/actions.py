"""The walk of a write to a desk, readable top to bottom.

arguments -> decide -> ledger.reserve(key, fingerprint)
          -> [replay | conflict | in progress | unknown: answer now]
          -> ledger.sending committed to disk -> send ONCE, shielded from cancellation
          -> ledger.settle -> record -> result
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar, assert_never

import anyio

from mcp_router.audit.log import DecisionLog, Draft
from mcp_router.canonical import JsonValue, canonical_json
from mcp_router.clock import Clock
from mcp_router.domain.action import Action, ActionState, Outcome
from mcp_router.domain.call import Call
from mcp_router.domain.decision import Decision
from mcp_router.domain.effect import Effect
from mcp_router.domain.ids import Entropy, make_id
from mcp_router.domain.write import CreateTicket, DeskWrite
from mcp_router.errors import (
    ExpiredKey,
    KeyConflict,
    LeaseLost,
    LedgerDegraded,
    OutcomeUnknown,
    RouterError,
    StorageUnavailable,
)
from mcp_router.execute.delivery import Delivery, Settled, Shipment
from mcp_router.execute.judge import Judge, require_candidates
from mcp_router.execute.targets import Desk, Targets
from mcp_router.ledger.admission import Admission
from mcp_router.ledger.answer import Answer, kept_answer
from mcp_router.ledger.keys import Intention, Key, choose_key, fingerprint
from mcp_router.ledger.ledger import Ledger
from mcp_router.ledger.machine import start
from mcp_router.ledger.parcel import pack, unpack
from mcp_router.ledger.strategies import needs_version
from mcp_router.lookups import Lookups

T = TypeVar("T")

_DECIDED = frozenset({ActionState.SUCCEEDED, ActionState.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a tool wants written: `arguments` are the caller's own, the fingerprint's source.

    `version` tells writes to one object apart whose content the arguments do not say, as when a
    ticket is synced again after it has changed.
    """

    write: DeskWrite
    effect: Effect
    arguments: JsonValue
    object_id: str | None
    dry_run: bool
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What became of a wish; `error` says why, where the outcome is not the one hoped for.

    `answer` is there where the action is decided: what every replay of it will say.
    """

    outcome: Outcome
    key: Key
    target: str
    write: DeskWrite
    action: Action | None = None
    answer: Answer | None = None
    error: RouterError | None = None


class Reader:
    """Lets a tool read from a desk while its write is prepared, within the same record."""

    def __init__(self, lookups: Lookups, call: Call, draft: Draft, ends_s: float) -> None:
        """Note what is read in `draft`; reads and write together end at `ends_s`."""
        self._ends_s = ends_s
        self._lookups = lookups
        self._call = call
        self._draft = draft

    async def read(self, tool: str, ask: Callable[[Desk, float], Awaitable[T | None]]) -> T:
        """Return what the desk that serves `tool` answers to `ask`.

        Raises:
            NotFound: the desk has no such thing.
        """
        _, value = await self._lookups.ask(
            self._call, self._draft, ask, tool=tool, ends_s=self._ends_s
        )
        return value


Prepare = Callable[[Reader], Awaitable[Wish]]


class Actions:
    """Serves writes; each one is an action in the ledger."""

    def __init__(
        self,
        *,
        judge: Judge,
        targets: Targets,
        lookups: Lookups,
        ledger: Ledger,
        log: DecisionLog,
        clock: Clock,
        entropy: Entropy,
        owner: str,
    ) -> None:
        """Bring the rooms below together; `owner` names this process in the ledger."""
        self._judge = judge
        self._targets = targets
        self._lookups = lookups
        self._ledger = ledger
        self._log = log
        self._clock = clock
        self._entropy = entropy
        self._owner = owner

    async def perform(self, call: Call, prepare: Prepare) -> Acted:
        """Carry out what `prepare` returns, at most once for its key.

        Raises:
            NoTarget: no configured desk may serve the call; no key was used.
            StorageUnavailable: the store cannot commit; nothing was applied.
            LedgerDegraded: it was applied, but the store could not note it.
            OutcomeUnknown: it may have been applied, and the store could not note that.
        """
        acted: Acted | None = None

        try:
            async with self._log.record(call) as draft:
                acted = await self._carry_out(call, prepare, draft)
                draft.target = acted.target
                draft.outcome = acted.outcome
                draft.error_code = acted.error.code if acted.error else None
        except StorageUnavailable as error:
            raise _unrecorded(acted, error) from error

        return acted

    async def _carry_out(self, call: Call, prepare: Prepare, draft: Draft) -> Acted:
        """Decide, prepare, and do it or show it."""
        decision = await self._judge.desk(call)
        draft.decision = decision
        require_candidates(decision)
        ends_s = self._clock.monotonic_s() + decision.limits.deadline_s
        wish = await prepare(Reader(self._lookups, call, draft, ends_s))
        draft.ticket_id = wish.object_id
        intention = _intention(call, wish)
        fresh = make_id("key", call.received_ms, self._entropy)
        key = choose_key(call.idempotency_key, intention, call.received_ms, fresh)

        if wish.dry_run:
            return Acted(
                outcome=Outcome.DRY_RUN,
                key=key,
                target=decision.candidates[0].target,
                write=wish.write,
            )

        # A host that goes away, or a deadline of its own, must not cut a write in two.
        with anyio.CancelScope(shield=True):
            desks = self._desks(wish, decision)
            wanted = self._wanted(intention, wish, key, desks[0], call)
            shipment = Shipment(
                write=wish.write,
                desks=desks[: decision.limits.attempts],
                ends_s=ends_s,
                attempt_timeout_s=decision.limits.attempt_timeout_s,
            )
            admission, settled = await self._act(wanted, key, shipment, draft)

        draft.acted(settled.action)
        outcome, error = _outcome(admission, settled)
        return Acted(
            outcome=outcome,
            key=key,
            target=settled.action.target,
            write=wish.write,
            action=settled.action,
            answer=kept_answer(settled.action) if settled.action.state in _DECIDED else None,
            error=error,
        )

    async def _act(
        self, wanted: Action, key: Key, shipment: Shipment, draft: Draft
    ) -> tuple[Admission, Settled]:
        """Reserve the key, then do what its row allows."""
        delivery = Delivery(self._ledger, self._clock, draft.attempted)
        action = wanted

        try:
            admission, action = await self._ledger.reserve(wanted, key.twins)
            draft.acted(action)

            match admission:
                case Admission.PROCEED:
                    return admission, await delivery.deliver(action, _as_kept(shipment, action))
                case Admission.RECONCILE:
                    # It is asked for where it went, whatever the policy prefers by now.
                    holder = replace(_as_kept(shipment, action), desks=self._holder(action))
                    return admission, await delivery.reconcile(action, holder)
                case _:
                    return admission, Settled(action=action)
        except LeaseLost as lost:
            return await self._overtaken(action, lost)
        except StorageUnavailable:
            # Of a send it would be another error: what its host is told must stay true, whatever
            # the store has kept without our hearing of it.
            self._ledger.abandon(wanted, key.twins, unsent=True)
            raise
        except BaseException:
            self._ledger.abandon(wanted, key.twins)
            raise

    async def _overtaken(self, action: Action, lost: LeaseLost) -> tuple[Admission, Settled]:
        """Return what another caller has made of the action while this one was slow.

        Raises:
            OutcomeUnknown: the store cannot say; this call may have sent it before.
        """
        try:
            row = await self._ledger.get(action.tenant, action.action_id)
        except StorageUnavailable as error:
            raise OutcomeUnknown(
                "Another caller has this write, and the ledger cannot say now what became of it."
            ) from error

        if row.state in _DECIDED:
            return Admission.REPLAY, Settled(action=row)

        if row.state is ActionState.NEEDS_HUMAN:
            return Admission.WAITS_FOR_PERSON, Settled(action=row)

        return Admission.IN_PROGRESS, Settled(action=row, error=lost)

    def _desks(self, wish: Wish, decision: Decision) -> tuple[Desk, ...]:
        """Return the desks that may take the write.

        A new ticket may go to any desk of the pool; what changes an existing thing goes to the
        desk that holds it.
        """
        desks = tuple(self._targets.desks[one.target] for one in decision.candidates)
        return desks if isinstance(wish.write, CreateTicket) else desks[:1]

    def _holder(self, action: Action) -> tuple[Desk, ...]:
        """Return the desk that may hold the write already, whatever the policy prefers by now."""
        desk = self._targets.desks.get(action.target)
        return () if desk is None else (desk,)

    def _wanted(self, intention: Intention, wish: Wish, key: Key, desk: Desk, call: Call) -> Action:
        """Return the action as it would be put on disk now.

        Where no version has to be read first it is `sending` at once: one commit instead of two.
        """
        now_ms = self._clock.now_ms()
        action_id = make_id("act", now_ms, self._entropy)
        strategy = desk.strategy(wish.write)
        wanted = Action(
            action_id=action_id,
            tenant=intention.tenant,
            principal=intention.principal,
            key=key.text,
            tool=intention.tool,
            target=desk.name,
            strategy=strategy,
            fingerprint=intention.fingerprint,
            arguments_json=canonical_json(wish.arguments),
            write_json=pack(wish.write),
            state=ActionState.RESERVED,
            created_ms=now_ms,
            updated_ms=now_ms,
            owner=f"{self._owner}#{call.call_id}",
            marker=action_id,
            run_id=call.run_id,
            object_id=wish.object_id,
        )

        if needs_version(strategy):
            return wanted

        return start(wanted, target=desk.name, strategy=strategy, precondition=None, now_ms=now_ms)


def _as_kept(shipment: Shipment, action: Action) -> Shipment:
    """Return the shipment with the write that is on disk, which is what its key stands for.

    The same arguments may make another write by now, where a tool reads first; whoever goes on
    with the action sends what is on disk, and a target that keeps a key compares bodies.
    """
    return replace(shipment, write=unpack(action.write_json)) if action.write_json else shipment


def _intention(call: Call, wish: Wish) -> Intention:
    """Return who wants what done to which object."""
    return Intention(
        tenant=call.caller.tenant,
        principal=call.caller.principal,
        tool=call.tool,
        effect=wish.effect,
        object_id=f"{wish.object_id}@{wish.version}" if wish.version else wish.object_id,
        run_id=call.run_id,
        host_call_id=call.host_call_id,
        fingerprint=fingerprint(call.tool, wish.arguments),
    )


def _unrecorded(acted: Acted | None, error: StorageUnavailable) -> RouterError:
    """Return what is true of a write whose record could not be kept.

    Its answer must not leave without a record, but "storage unavailable" alone would say that
    nothing was applied.
    """
    match acted.outcome if acted else None:
        case Outcome.SUCCEEDED | Outcome.REPLAYED:
            return LedgerDegraded("The desk applied the write; its record cannot be kept now.")
        case Outcome.OUTCOME_UNKNOWN | Outcome.IN_PROGRESS:
            return OutcomeUnknown("The write may have been applied; no record can be kept now.")
        case Outcome.FAILED | Outcome.CONFLICT | Outcome.DRY_RUN | None:
            return error
        case _ as never:
            assert_never(never)


def _outcome(admission: Admission, settled: Settled) -> tuple[Outcome, RouterError | None]:
    """Return the outcome that the host is told, and the error that explains it."""
    match admission:
        case Admission.CONFLICT:
            return Outcome.CONFLICT, KeyConflict(
                "This key, or this step of the run, was used before with other arguments. "
                + _story(settled.action)
            )
        case Admission.EXPIRED:
            return Outcome.CONFLICT, ExpiredKey(
                "This key was used long ago; its answer is no longer kept. "
                + _story(settled.action)
            )
        case Admission.IN_PROGRESS:
            return Outcome.IN_PROGRESS, settled.error
        case Admission.WAITS_FOR_PERSON:
            return Outcome.OUTCOME_UNKNOWN, OutcomeUnknown("A person decides about this action.")
        case Admission.REPLAY:
            return _replayed(settled.action)
        case Admission.PROCEED | Admission.RECONCILE:
            return _settled(settled)
        case _:
            assert_never(admission)


def _story(action: Action) -> str:
    """Return in a sentence what was done under a key before."""
    match action.state:
        case ActionState.SUCCEEDED | ActionState.EXPIRED if action.ref is not None:
            return f"It was done: see {action.ref.url or action.ref.id}."
        case ActionState.FAILED | ActionState.EXPIRED:
            return "It was refused, and nothing was applied."
        case ActionState.RESERVED:
            return "It was never sent."
        case _:
            return "Whether it was applied is not decided yet."


def _replayed(action: Action) -> tuple[Outcome, RouterError | None]:
    """Return the outcome of an action that was decided before this call."""
    if action.state is ActionState.SUCCEEDED:
        return Outcome.REPLAYED, None

    return Outcome.FAILED, None


def _settled(settled: Settled) -> tuple[Outcome, RouterError | None]:
    """Return the outcome of an action that this call has carried as far as it could."""
    match settled.action.state:
        case ActionState.SUCCEEDED:
            return Outcome.SUCCEEDED, None
        case ActionState.UNKNOWN | ActionState.NEEDS_HUMAN | ActionState.SENDING:
            return Outcome.OUTCOME_UNKNOWN, settled.error
        case ActionState.FAILED | ActionState.RESERVED | ActionState.EXPIRED:
            return Outcome.FAILED, settled.error
        case _:
            assert_never(settled.action.state)
