"""The cache's part in a completion: whether an answer is kept, fits, and may be kept."""

from dataclasses import dataclass

from mcp_router.cache.admission import cacheable, instructions_of, keepable, question_of
from mcp_router.cache.answers import AnswerCache, KeptAnswer, Partition
from mcp_router.domain.completion import Completion, CompletionRequest
from mcp_router.domain.guardrails import CachePlan, CacheState, CacheUse
from mcp_router.domain.policy import Policy
from mcp_router.domain.privacy import NOTHING_KNOWN, KnownFields
from mcp_router.execute.judge import Judged

_ANY_RULE = ""
"""The part of a partition in which the answers of all rules lie, for the signal alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and by whose customers: nobody else is ever given its answer.

    `known` is what the host tells of the requester.
    """

    tenant: str
    locale: str | None
    request: CompletionRequest
    subject: str | None = None
    known: KnownFields = NOTHING_KNOWN

    @property
    def text(self) -> str:
        """Return the words that are compared."""
        return question_of(self.request, self.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What looking for an answer came to."""

    use: CacheUse
    answer: KeptAnswer | None = None


class Shelf:
    """Keeps the answers that policies allow to be given again."""

    def __init__(self, cache: AnswerCache) -> None:
        """Keep them in `cache`."""
        self._cache = cache

    def similarity(self, policy: Policy, question: Question) -> float | None:
        """Return how like the nearest kept question is; None where no rule asks for that."""
        if not _tells_similarity(policy):
            return None

        found = self._cache.nearest(_wall(policy, _ANY_RULE, question), question.text)
        return None if found is None else found.similarity

    def look(self, judged: Judged, question: Question) -> Look:
        """Return the kept answer of the same rule that is like enough, or why there is none."""
        plan = _plan(judged)

        if plan is None:
            return _nothing(CacheState.BYPASS, "the rule keeps no answers")

        if (reason := _refusal(judged, question)) is not None:
            return _nothing(CacheState.BYPASS, reason)

        wall = _wall(judged.policy, judged.decision.rule, question)
        found = self._cache.nearest(wall, question.text)

        if found is None:
            return _nothing(CacheState.MISS, "no answer to such a question is kept")

        if found.similarity < plan.min_similarity:
            near = f"the nearest question is too different ({found.similarity:.2f} of 1)"
            return _nothing(CacheState.MISS, near)

        told = f"an answer to the same question was kept ({found.similarity:.2f} of 1)"
        return Look(use=CacheUse(state=CacheState.HIT, reason=told), answer=found.answer)

    def keep(
        self, judged: Judged, question: Question, completion: Completion, *, target: str, by: str
    ) -> None:
        """Keep the answer of decision `by`, if it is a whole one and the rule allows it."""
        plan = _plan(judged)

        if plan is None or _refusal(judged, question) is not None:
            return

        if keepable(completion, question.known) is not None:
            return

        answer = KeptAnswer(completion=completion, target=target, decision_id=by)
        text = question.text

        walls = (judged.decision.rule, _ANY_RULE)

        for rule in walls if _tells_similarity(judged.policy) else walls[:1]:
            self._cache.keep(_wall(judged.policy, rule, question), text, answer, ttl_s=plan.ttl_s)


def _refusal(judged: Judged, question: Question) -> str | None:
    """Return why the call has nothing to do with its rule's plan; None if it may use it."""
    signals = judged.decision.signals
    intent = judged.policy.intent(signals.intent.name)
    return cacheable(
        question.request,
        signals,
        account_specific=intent is not None and intent.account_specific,
        question=question.text,
        known=question.known,
    )


def _plan(judged: Judged) -> CachePlan | None:
    return judged.rule.cache if judged.rule else None


def _tells_similarity(policy: Policy) -> bool:
    """Return whether a rule asks how like the nearest kept question is."""
    return any(rule.when.min_cache_similarity is not None for rule in policy.rules)


def _nothing(state: CacheState, reason: str) -> Look:
    return Look(use=CacheUse(state=state, reason=reason))


def _wall(policy: Policy, rule: str, question: Question) -> Partition:
    """Return the wall around the answers that a call may be given."""
    return Partition(
        tenant=question.tenant,
        locale=question.locale,
        policy=policy.label,
        digest=policy.digest,
        rule=rule,
        instructions=instructions_of(question.request),
    )
