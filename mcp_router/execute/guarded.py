"""An answer that a customer may see: the chain and the guardrails, within one set of limits.

chain of attempts (each answer through the format checks) -> confidence -> advisor -> confidence
gate. Everything that is asked for on the way is paid from the chain's one budget.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from mcp_router.decide.answer_checks import asked_checks, failed_checks, failed_strictly
from mcp_router.decide.confidence import RATING_REQUEST, confidence_of, split_rating
from mcp_router.decide.score import is_strict
from mcp_router.domain.attempt import Attempt, Evidence, Purpose
from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    FinishReason,
    Message,
    Role,
)
from mcp_router.domain.decision import Candidate
from mcp_router.domain.guardrails import (
    NO_CHECKS,
    Advice,
    AdvisorPlan,
    AnswerConfidence,
    ConfidencePlan,
    ConfidenceSource,
)
from mcp_router.domain.target import MILLION
from mcp_router.errors import DeadlineExceeded, SendFailed, StorageUnavailable, TargetsExhausted
from mcp_router.execute.chain import Answer, Chain
from mcp_router.execute.judge import Judged

Ask = Callable[[Candidate, CompletionRequest, float], Awaitable[Answer[Completion]]]
"""Send a request to a candidate with that many seconds left; raises SendFailed."""

_JUDGE = (
    "You advise a colleague who answers a customer. Below is the conversation and the colleague's "
    "draft. Judge the draft: name what is wrong, missing or risky, and what it must say instead, "
    "in a few short points. Do not write the answer itself."
)
_FINISH = (
    "A senior colleague has judged your draft. Take the judgement into account and write the final "
    "answer to the customer; do not mention the draft or the judgement.\n\nJudgement:\n"
)

_FRAME_TOKENS = 120  # of the instructions above
_UNSURE = "the answer was less sure than the rule asks for"
_NO_ROOM = "the call's limits left no room for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a chain and the guardrails have come to."""

    target: str
    completion: Completion
    confidence: AnswerConfidence | None = None
    advice: Advice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rated:
    """An answer without the rating that its model added to it, and that rating."""

    completion: Completion
    rating: float | None = None


def withholds(judged: Judged) -> bool:
    """Return whether an answer may still be refused, or changed, after a model has written it.

    Such an answer is never handed on while it is written.
    """
    rule = judged.rule
    return rule is not None and (
        rule.checks != NO_CHECKS or rule.advisor is not None or rule.confidence != ConfidencePlan()
    )


class Guarded:
    """Asks for one answer, and for all that the policy's guardrails want to know of it."""

    def __init__(
        self,
        judged: Judged,
        request: CompletionRequest,
        *,
        chain: Chain,
        ask: Ask,
        advisors: Callable[[Judged], tuple[Candidate, ...]],
        attempts: Sequence[Attempt],
        is_handed_on: bool = False,
    ) -> None:
        """Answer `request` within `chain`; `advisors` returns who may judge the answer.

        `attempts` is where the chain reports to; `is_handed_on` says that the host reads an
        answer while it is written.
        """
        assert judged.rule is not None, "a decision with candidates has a rule"
        self._judged = judged
        self._rule = judged.rule
        self._plan = judged.rule.confidence
        self._request = self._prepared(request)
        self._chain = chain
        self._ask = ask
        self._advisors = advisors
        self._attempts = attempts
        self._is_handed_on = is_handed_on

    async def reply(self) -> Reply:
        """Return the best answer within the limits, how sure it is, and what advice it has had.

        Raises:
            DeadlineExceeded, BudgetExceeded, TargetsExhausted, TargetsRefused: as the chain.
        """
        candidates = self._judged.decision.candidates
        target, answer = await self._chain.run(candidates, self._answer)
        reply = Reply(
            target=target,
            completion=answer.value.completion,
            confidence=self._confidence(answer.value),
        )
        plan = self._rule.advisor

        if plan is None or not _is_unsure(reply, plan):
            return reply

        first = next(one for one in candidates if one.target == target)
        return await self._advised(reply, first, plan)

    async def _answer(self, candidate: Candidate, timeout_s: float) -> Answer[_Rated]:
        return await self._rated(candidate, self._request, timeout_s)

    async def _rated(
        self, candidate: Candidate, request: CompletionRequest, timeout_s: float
    ) -> Answer[_Rated]:
        """Ask for an answer, take the rating off it, and run the format checks over it."""
        answer = await self._ask(candidate, request, timeout_s)
        completion, rating = answer.value, None

        if ConfidenceSource.SELF_RATING in self._plan.sources:
            text, rating = split_rating(completion.text)
            completion = replace(completion, text=text)

        rated = _Rated(completion=completion, rating=rating)
        return answer.carrying(rated, self._failed(candidate, completion))

    def _failed(self, candidate: Candidate, completion: Completion) -> tuple[str, ...]:
        """Return what the answer breaks.

        One that calls tools has no form yet, and one that was handed on cannot be taken back.
        """
        if completion.tool_calls or self._is_handed_on:
            return ()

        locale = self._judged.decision.signals.locale
        failed = failed_checks(self._rule.checks, completion.text, locale=locale)
        strict = is_strict(self._judged.policy.pool(candidate.pool))
        return (*failed, *failed_strictly(completion)) if strict else failed

    def _confidence(self, rated: _Rated) -> AnswerConfidence | None:
        """Return how sure the answer is, by what is available.

        An answer that breaks a check does not come this far, so what the checks tell is which
        share of this call's answers has passed them; a judgement is none.
        """
        checked = [
            one
            for one in self._attempts
            if one.evidence is Evidence.APPLIED and one.purpose is not Purpose.ADVICE
        ]
        passed = sum(not one.failed_checks for one in checked)
        asked = asked_checks(self._rule.checks) > 0
        return confidence_of(
            self._plan,
            mean_logprob=rated.completion.mean_logprob,
            self_rating=rated.rating,
            passed=passed / len(checked) if asked and checked else None,
            retrieval=self._judged.decision.signals.retrieval_confidence,
        )

    async def _advised(self, draft: Reply, first: Candidate, plan: AdvisorPlan) -> Reply:
        """Let the model that answered finish with a stronger model's judgement.

        An advisor that cannot be had leaves the first answer as it is; the record says why.
        """
        advisors = [one for one in self._advisors(self._judged) if one.target != first.target]

        if not advisors:
            return draft

        written = draft.completion.usage.output_tokens
        longer = [self._longer(one, written) for one in advisors]
        cheap = (one for one in longer if one.estimated_microusd <= plan.max_microusd)
        advisor = next(cheap, None)

        if advisor is None:
            return replace(draft, advice=self._advice(longer[0], judged=False))

        judgement = await self._once(advisor, self._judgement_of(draft, plan), Purpose.ADVICE)

        if judgement is None:
            return replace(draft, advice=self._advice(advisor, judged=False))

        advice = self._advice(advisor, judged=True)
        finisher = self._longer(first, written + plan.max_output_tokens)
        finished = await self._once(finisher, self._finish(draft, judgement), Purpose.FINISH)

        if finished is None:
            unfinished = replace(advice, followed=False, reason="the answer could not be finished")
            return replace(draft, advice=unfinished)

        return Reply(
            target=draft.target,
            completion=finished.completion,
            confidence=self._confidence(finished),
            advice=advice,
        )

    async def _once(
        self, candidate: Candidate, request: CompletionRequest, purpose: Purpose
    ) -> _Rated | None:
        """Return one more answer, or None where the limits or the target do not give it."""

        async def send(one: Candidate, timeout_s: float) -> Answer[_Rated]:
            if purpose is Purpose.FINISH:
                return await self._rated(one, request, timeout_s)

            answer = await self._ask(one, request, timeout_s)
            return answer.carrying(_Rated(completion=answer.value))  # nobody's final one

        try:
            answer = await self._chain.once(candidate, send, purpose)
        except (DeadlineExceeded, StorageUnavailable, TargetsExhausted):
            return None

        return None if isinstance(answer, SendFailed) else answer.value

    def _advice(self, advisor: Candidate, *, judged: bool) -> Advice:
        """Return what the record keeps of asking an advisor; nothing was paid for no attempt."""
        last = self._attempts[-1]
        asked = last.purpose is Purpose.ADVICE
        failed = f"it could not be had ({last.reason})" if asked else _NO_ROOM
        return Advice(
            target=advisor.target,
            followed=judged,
            cost_microusd=last.cost_microusd if asked else 0,
            latency_ms=last.latency_ms if asked else 0,
            reason=_UNSURE if judged else failed,
        )

    def _longer(self, candidate: Candidate, tokens: int) -> Candidate:
        """Return the candidate with the estimate of a prompt that is longer by so many tokens."""
        facts = self._judged.decision.facts
        price = next(one.price for one in facts if one.name == candidate.target)
        more = 0 if price is None else -(-price.input * (tokens + _FRAME_TOKENS) // MILLION)
        return replace(candidate, estimated_microusd=candidate.estimated_microusd + more)

    def _prepared(self, request: CompletionRequest) -> CompletionRequest:
        """Return the request that also asks for what the confidence is read from."""
        if ConfidenceSource.LOG_PROBABILITIES in self._plan.sources:
            request = replace(request, logprobs=True)

        if ConfidenceSource.SELF_RATING in self._plan.sources and not request.tools:
            rating = Message(role=Role.SYSTEM, content=RATING_REQUEST)
            request = replace(request, messages=(rating, *request.messages))

        return request

    def _judgement_of(self, draft: Reply, plan: AdvisorPlan) -> CompletionRequest:
        """Return the request for an advisor's judgement."""
        return CompletionRequest(
            messages=(
                Message(role=Role.SYSTEM, content=_JUDGE),
                Message(
                    role=Role.USER,
                    content=f"Conversation:\n{_told(self._request)}\n\nDraft:\n"
                    f"{draft.completion.text}",
                ),
            ),
            max_output_tokens=plan.max_output_tokens,
        )

    def _finish(self, draft: Reply, judgement: _Rated) -> CompletionRequest:
        """Return the request for the final answer."""
        return replace(
            self._request,
            messages=(
                *self._request.messages,
                Message(role=Role.ASSISTANT, content=draft.completion.text),
                Message(role=Role.USER, content=_FINISH + judgement.completion.text),
            ),
        )


def _is_unsure(reply: Reply, plan: AdvisorPlan) -> bool:
    """Return whether advice is wanted: for text that is less sure than the plan asks for."""
    return (
        not reply.completion.tool_calls
        and reply.completion.finish_reason is not FinishReason.INCOMPLETE
        and reply.confidence is not None
        and reply.confidence.value < plan.below
    )


def _told(request: CompletionRequest) -> str:
    """Return what customer and assistant said, a line a turn; our own instructions stay out."""
    turns = [one for one in request.messages if one.role is not Role.SYSTEM]
    return "\n".join(f"{one.role}: {one.content}" for one in turns)
