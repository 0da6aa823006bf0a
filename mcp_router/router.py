"""The walk of a completion, readable top to bottom.

request -> policy version (rollout) -> signals -> decide -> cache? -> reserve budget
        -> chain of attempts -> guardrails (format checks, advisor, confidence gate)
        -> settle budget -> cache store -> record -> result

Personal data is behind a veil on the way to a model and back: nothing else here knows of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mcp_router.audit.log import ESCALATED, INCOMPLETE, DecisionLog, Draft
from mcp_router.budget.budgets import Budgets
from mcp_router.clock import Clock, since_ms
from mcp_router.decide.handover import gate_reason, hand_over_reason
from mcp_router.domain.attempt import Attempt, Reason
from mcp_router.domain.budget import UNSPENT, Account, BudgetScope, SpendView
from mcp_router.domain.call import Call
from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    Emit,
    FinishReason,
    Usage,
)
from mcp_router.domain.decision import Candidate, ChainLimits, Decision
from mcp_router.domain.guardrails import Advice, AnswerConfidence, CacheUse
from mcp_router.domain.privacy import NOTHING_KNOWN, KnownFields
from mcp_router.domain.record import ModelAnswer
from mcp_router.errors import StorageUnavailable
from mcp_router.execute.chain import Answer, Chain
from mcp_router.execute.gate import Gate
from mcp_router.execute.guarded import Guarded, withholds
from mcp_router.execute.judge import Judge, Judged, Served, Unit, require_candidates
from mcp_router.execute.purse import TicketPurse
from mcp_router.execute.run_facts import with_facts
from mcp_router.execute.shelf import Question, Shelf
from mcp_router.execute.targets import Targets
from mcp_router.ledger.ledger import Ledger
from mcp_router.privacy.keeper import Privacy
from mcp_router.privacy.talk import Talk
from mcp_router.privacy.veil import Unveiling, Veil
from mcp_router.providers.tokens import TokenScale, estimate_tokens
from mcp_router.signals.collect import Books, CallerFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a host asks for when it asks for a completion."""

    request: CompletionRequest
    facts: CallerFacts
    policy: str | None = None
    ticket_id: str | None = None
    known: KnownFields = NOTHING_KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a completion ended, with the decision that led to it and what it took.

    `target` is None where no answer is published; `escalation` then says why a person takes over.
    """

    completion: Completion
    target: str | None
    decision: Decision
    attempts: tuple[Attempt, ...]
    cost_microusd: int
    latency_ms: int
    cache: CacheUse | None = None
    confidence: AnswerConfidence | None = None
    advice: Advice | None = None
    escalation: str | None = None


class Router:
    """Serves completions."""

    def __init__(
        self,
        *,
        judge: Judge,
        targets: Targets,
        ledger: Ledger,
        log: DecisionLog,
        clock: Clock,
        jitter: Callable[[], float],
        budgets: Budgets,
        shelf: Shelf,
        scale: TokenScale,
        gate: Gate,
        privacy: Privacy,
    ) -> None:
        """Bring the rooms below together; `jitter` returns a random number from 0 to 1."""
        self._judge = judge
        self._targets = targets
        self._ledger = ledger
        self._log = log
        self._clock = clock
        self._jitter = jitter
        self._budgets = budgets
        self._shelf = shelf
        self._scale = scale
        self._gate = gate
        self._privacy = privacy

    async def complete(self, call: Call, order: Order) -> Completed:
        """Return the answer of the best target that can serve the call.

        Raises:
            UnknownPolicy, PolicyRejected, PolicyEdited: the named policy cannot be used.
            NoTarget: no target may serve it.
            BudgetExceeded: a budget beyond the call's own does not cover it.
            TargetsExhausted, DeadlineExceeded: no target did, within the rule's limits.
            TargetsRefused: no target will, as the call and the credentials are.
            StorageUnavailable: a record or a budget cannot be kept, so no answer may leave.
        """
        started_s = self._clock.monotonic_s()

        async with self._log.record(call, may_owe=True) as draft:
            draft.ticket_id = order.ticket_id
            talk = _talk(call, order)
            draft.prompt_digest = await self._privacy.prompt_digest(talk, order.request)
            draft.customer_id = order.facts.customer_id
            unit = Unit(
                tenant=call.caller.tenant, customer=order.facts.customer_id, ticket=order.ticket_id
            )
            served = await self._judge.serve(order.policy, unit)
            accounts = self._accounts(served, call, order)
            spend = await self._spend(call, accounts)
            judged = self._judged(served, call, order, spend)
            draft.decision = judged.decision

            if reason := hand_over_reason(served.policy.budgets, spend):
                completion = _escalated(draft, reason)
            elif (kept := self._kept(judged, call, order, draft)) is not None:
                completion = kept
            else:
                veil = await self._privacy.veil(talk)
                completion = await self._ask(
                    judged, call, order, accounts, draft, veil, began_s=started_s
                )
                await self._privacy.keep(talk, veil, order.request, completion)

            draft.answer_digest = await self._privacy.answer_digest(talk, completion)
            return Completed(
                completion=completion,
                target=draft.target,
                decision=judged.decision,
                attempts=tuple(draft.attempts),
                cost_microusd=draft.cost_microusd,
                latency_ms=since_ms(self._clock, started_s),
                cache=draft.cache,
                confidence=draft.confidence,
                advice=draft.advice,
                escalation=draft.escalation,
            )

    def _accounts(self, served: Served, call: Call, order: Order) -> tuple[Account, ...]:
        """Return the accounts that the call draws on."""
        return self._budgets.accounts(
            served.policy.budgets,
            tenant=call.caller.tenant,
            ticket_id=order.ticket_id,
            run_id=call.run_id,
        )

    async def _spend(self, call: Call, accounts: tuple[Account, ...]) -> SpendView:
        """Return how the accounts stand.

        Raises:
            StorageUnavailable: nobody can say, and one of them has a limit to be kept.
        """
        if not accounts:
            return UNSPENT

        try:
            return await self._budgets.view(call.caller.tenant, accounts)
        except StorageUnavailable:
            if any(one.limit_microusd is not None for one in accounts):
                raise

            return UNSPENT

    def _judged(self, served: Served, call: Call, order: Order, spend: SpendView) -> Judged:
        """Return where the call goes, by all that is known of it."""
        ticket = spend.of(BudgetScope.TICKET)
        books = Books(
            cache_similarity=self._shelf.similarity(served.policy, _question(call, order)),
            ticket_spend_microusd=ticket.spent_microusd if ticket else 0,
        )
        signals = self._judge.signals(served, call, order.request, order.facts, books)
        return self._judge.completion(served, signals, spend)

    def _kept(self, judged: Judged, call: Call, order: Order, draft: Draft) -> Completion | None:
        """Return a kept answer, if there is one; the draft learns what became of the cache."""
        look = self._shelf.look(judged, _question(call, order))
        draft.cache = look.use

        if look.answer is None:
            return None

        draft.target = look.answer.target
        draft.answer = self._summary(look.answer.target, look.answer.completion)
        return look.answer.completion

    async def _ask(
        self,
        judged: Judged,
        call: Call,
        order: Order,
        accounts: tuple[Account, ...],
        draft: Draft,
        veil: Veil,
        *,
        began_s: float,
    ) -> Completion:
        """Return a model's answer, or what stands in its place where a person takes over."""
        decision = judged.decision
        require_candidates(decision)
        request = await with_facts(self._ledger, call, order.request, decision.limits)
        limits = _within(decision.limits, decision.signals.deadline_s)
        purse = TicketPurse(
            self._budgets,
            tenant=call.caller.tenant,
            accounts=accounts,
            deadline_s=limits.deadline_s,
        )
        chain = Chain(
            limits,
            clock=self._clock,
            jitter=self._jitter,
            report=draft.attempted,
            gate=self._gate,
            purse=purse,
            began_s=began_s,
        )
        # What may still be withheld or changed is not handed on while it is written.
        emit = None if withholds(judged) else call.emit

        async def ask(
            candidate: Candidate, asked: CompletionRequest, timeout_s: float
        ) -> Answer[Completion]:
            return await self._send(candidate, asked, timeout_s, emit, veil)

        guarded = Guarded(
            judged,
            request,
            chain=chain,
            ask=ask,
            advisors=lambda one: self._judge.advisors(one).candidates,
            attempts=draft.attempts,
            is_handed_on=emit is not None,
        )

        try:
            reply = await guarded.reply()
        finally:
            draft.pii = veil.counts
            draft.budgets = await purse.settle(chain.spent_microusd)

        draft.confidence, draft.advice = reply.confidence, reply.advice

        if judged.rule and (reason := gate_reason(judged.rule.confidence, reply.confidence)):
            return _escalated(draft, reason)

        draft.target = reply.target
        draft.answer = self._summary(reply.target, reply.completion)

        if reply.completion.finish_reason is FinishReason.INCOMPLETE:
            draft.outcome = INCOMPLETE
        elif request.messages == order.request.messages and not veil.has_revealed:
            # What a run has done is told to its model, and an answer made from that is its own;
            # so is one with somebody's values.
            self._shelf.keep(
                judged,
                _question(call, order),
                reply.completion,
                target=reply.target,
                by=call.call_id,
            )

        return reply.completion

    async def _send(
        self,
        candidate: Candidate,
        request: CompletionRequest,
        timeout_s: float,
        emit: Emit | None,
        veil: Veil,
    ) -> Answer[Completion]:
        """Ask one model behind the veil, and hand its text on as it comes where `emit` is given."""
        request = veil.hide(request)
        model = self._targets.models[candidate.target]
        provider = self._targets.providers[model.provider]

        if emit is None:
            completion = await provider.complete(model, request, timeout_s=timeout_s)
        else:
            told = Unveiling(veil, emit)
            completion = await provider.stream(model, request, timeout_s=timeout_s, emit=told.feed)
            await told.finish()

        cost_microusd = self._targets.prices.cost(model, completion.usage)
        broken = completion.finish_reason is FinishReason.INCOMPLETE

        if not broken:  # else the usage is an estimate itself
            reported = completion.usage.input_tokens
            self._scale.learned(model.family, estimate_tokens(request), reported)

        return Answer(
            value=veil.reveal(completion),
            cost_microusd=candidate.estimated_microusd if cost_microusd is None else cost_microusd,
            usage=completion.usage,
            model=completion.model,
            reason=Reason.INCOMPLETE if broken else Reason.OK,
        )

    def _summary(self, target: str, completion: Completion) -> ModelAnswer:
        """Return what the log keeps of an answer."""
        return ModelAnswer(
            model=completion.model,
            finish_reason=completion.finish_reason,
            input_tokens=completion.usage.input_tokens,
            output_tokens=completion.usage.output_tokens,
            tool_calls=len(completion.tool_calls),
            price_table=self._targets.prices.table(self._targets.models[target]),
        )


_NOTHING = Completion(
    text="",
    tool_calls=(),
    finish_reason=FinishReason.ESCALATED,
    usage=Usage(input_tokens=0, output_tokens=0),
    model="",
)


def _escalated(draft: Draft, reason: str) -> Completion:
    """Publish nothing: a person takes over, and the record says why."""
    draft.outcome = ESCALATED
    draft.escalation = reason
    return _NOTHING


def _talk(call: Call, order: Order) -> Talk:
    """Return whose conversation the call belongs to."""
    return Talk(
        tenant=call.caller.tenant,
        decision_id=call.call_id,
        ticket_id=order.ticket_id,
        run_id=call.run_id,
        customer_id=order.facts.customer_id,
        known=order.known,
    )


def _question(call: Call, order: Order) -> Question:
    """Return the question as the cache compares it."""
    return Question(
        tenant=call.caller.tenant,
        locale=order.facts.locale,
        request=order.request,
        subject=order.facts.subject,
        known=order.known,
    )


def _within(limits: ChainLimits, deadline_s: float | None) -> ChainLimits:
    """Return the rule's limits within the time that the caller gives."""
    if deadline_s is None:
        return limits

    return replace(limits, deadline_s=min(limits.deadline_s, deadline_s))
