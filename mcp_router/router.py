"""The walk of a completion, readable top to bottom.

request -> signals -> policy version -> decide -> chain of attempts -> record -> result
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mcp_router.audit.log import DecisionLog
from mcp_router.clock import Clock
from mcp_router.domain.action import Action, ActionState
from mcp_router.domain.attempt import Attempt
from mcp_router.domain.call import Call
from mcp_router.domain.completion import Completion, CompletionRequest, Message, Role
from mcp_router.domain.decision import Candidate, Decision
from mcp_router.domain.record import ModelAnswer
from mcp_router.execute.chain import Answer, Chain
from mcp_router.execute.judge import Judge, require_candidates
from mcp_router.execute.targets import Targets
from mcp_router.ledger.ledger import Ledger
from mcp_router.signals.collect import CallerFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a host asks for when it asks for a completion."""

    request: CompletionRequest
    facts: CallerFacts
    policy: str | None = None
    ticket_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A completion with the decision that led to it and what it took."""

    completion: Completion
    target: str
    decision: Decision
    attempts: tuple[Attempt, ...]
    cost_microusd: int
    latency_ms: int


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
    ) -> None:
        """Bring the rooms below together; `jitter` returns a random number from 0 to 1."""
        self._judge = judge
        self._targets = targets
        self._ledger = ledger
        self._log = log
        self._clock = clock
        self._jitter = jitter

    async def complete(self, call: Call, order: Order) -> Completed:
        """Return the answer of the best target that can serve the call.

        Raises:
            UnknownPolicy: the call names a policy that is not at hand.
            NoTarget: no target may serve it.
            TargetsExhausted, DeadlineExceeded: no target did, within the rule's limits.
            TargetsRefused: no target will, as the call and the credentials are.
            StorageUnavailable: the record cannot be kept, so the answer must not leave.
        """
        started_s = self._clock.monotonic_s()

        async with self._log.record(call, may_owe=True) as draft:
            draft.ticket_id = order.ticket_id
            decision = self._judge.completion(call, order.request, order.facts, order.policy)
            draft.decision = decision
            require_candidates(decision)

            request = await self._with_facts(call, order.request, decision)
            chain = Chain(
                decision.limits, clock=self._clock, jitter=self._jitter, report=draft.attempted
            )

            async def send(candidate: Candidate, timeout_s: float) -> Answer[Completion]:
                return await self._send(candidate, request, timeout_s)

            draft.target, answer = await chain.run(decision.candidates, send)
            draft.answer = _summary(answer.value, self._price_table(draft.target))
            return Completed(
                completion=answer.value,
                target=draft.target,
                decision=decision,
                attempts=tuple(draft.attempts),
                cost_microusd=draft.cost_microusd,
                latency_ms=round((self._clock.monotonic_s() - started_s) * 1000),
            )

    async def _send(
        self, candidate: Candidate, request: CompletionRequest, timeout_s: float
    ) -> Answer[Completion]:
        """Ask one model."""
        model = self._targets.models[candidate.target]
        completion = await self._targets.providers[model.provider].complete(
            model, request, timeout_s=timeout_s
        )
        cost_microusd = self._targets.prices.cost(model, completion.usage)
        return Answer(
            value=completion,
            cost_microusd=candidate.estimated_microusd if cost_microusd is None else cost_microusd,
            usage=completion.usage,
            model=completion.model,
        )

    def _price_table(self, target: str) -> str:
        """Name the list that the target's price comes from."""
        return self._targets.prices.table(self._targets.models[target])

    async def _with_facts(
        self, call: Call, request: CompletionRequest, decision: Decision
    ) -> CompletionRequest:
        """Return the request within the rule's length, told what this run has already done.

        A model that takes over after another one must know which actions exist: it cannot do
        them again, and should not promise them again.
        """
        length = min(request.max_output_tokens, decision.limits.max_output_tokens)
        request = replace(request, max_output_tokens=length)

        if call.run_id is None:
            return request

        done = await self._ledger.of_run(call.caller.tenant, call.run_id)
        lines = [line for action in done if (line := _fact(action))]

        if not lines:
            return request

        text = "Already done in this run, never to be repeated:\n" + "\n".join(lines)
        return replace(
            request, messages=(Message(role=Role.SYSTEM, content=text), *request.messages)
        )


def _fact(action: Action) -> str | None:
    """Tell a model what one action did, or that nobody knows; nothing is told of failed ones."""
    what = f"- {action.tool} at {action.target}"
    where = f" on {action.object_id}" if action.object_id else ""

    if action.state is ActionState.SUCCEEDED and action.ref is not None:
        return f"{what}{where}: done, see {action.ref.id}"

    if action.state in (ActionState.UNKNOWN, ActionState.NEEDS_HUMAN, ActionState.SENDING):
        return f"{what}{where}: sent, outcome not known yet"

    return None


def _summary(completion: Completion, price_table: str) -> ModelAnswer:
    """Return what the log keeps of an answer."""
    return ModelAnswer(
        model=completion.model,
        finish_reason=completion.finish_reason,
        input_tokens=completion.usage.input_tokens,
        output_tokens=completion.usage.output_tokens,
        tool_calls=len(completion.tool_calls),
        price_table=price_table,
    )
