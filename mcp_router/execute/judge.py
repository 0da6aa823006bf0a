"""Brings a call before its policy: which version serves it, what is known of it, where it goes."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from mcp_router.budget.refusal import exceeded
from mcp_router.decide.decide import decide
from mcp_router.decide.terms import longest_answer
from mcp_router.domain.budget import UNSPENT, SpendView
from mcp_router.domain.call import Call
from mcp_router.domain.completion import CompletionRequest
from mcp_router.domain.decision import Decision
from mcp_router.domain.health import BreakerState, TargetHealth
from mcp_router.domain.learning import Estimate, LearningMode
from mcp_router.domain.policy import Policy, Rule
from mcp_router.domain.rollout import Arm, Bucket, PolicyStage, Rollout
from mcp_router.domain.signals import Signals
from mcp_router.domain.target import TargetFacts
from mcp_router.errors import NoTarget, StorageUnavailable, TargetsExhausted
from mcp_router.execute.targets import Targets
from mcp_router.policy.rollout import arm_of
from mcp_router.providers.tokens import estimate_tokens
from mcp_router.signals.collect import Books, CallerFacts, collect, collect_for_desk
from mcp_router.signals.intent import IntentIndex

_logger = logging.getLogger(__name__)


class Policies(Protocol):
    """Where policies come from."""

    def load(self, reference: str) -> Policy:
        """Return the policy of `name` or `name@version`."""


class Stages(Protocol):
    """Knows which versions are in use."""

    def stage(self, name: str) -> PolicyStage | None:
        """Return how the policy stands; None where nothing was ever rolled out."""

    async def released(self, policy: Policy, *, who: str) -> None:
        """Note the first use of a version; raises PolicyEdited where its text was another one."""


class Health(Protocol):
    """Knows how targets have been doing."""

    def of(self, target: str) -> TargetHealth:
        """Return the last minutes of a target."""


class Estimates(Protocol):
    """Knows what outcomes have taught."""

    def of(self, policy: str, intent: str | None) -> Mapping[str, Estimate]:
        """Return the estimate of each target that has served such a call."""


class Scale(Protocol):
    """Corrects estimates of tokens by what providers have counted."""

    def corrected(self, family: str | None, estimate: int) -> int:
        """Return the corrected estimate; without a family by all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The version of a policy that serves a call, with its intents ready for matching.

    `arm` is None where the call, or the settings, name the version.
    """

    policy: Policy
    intents: IntentIndex
    arm: Arm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A decision with the rule that made it; no rule where none covers the call."""

    decision: Decision
    rule: Rule | None
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a rollout may keep in one arm; what a call does not name is None."""

    tenant: str
    customer: str | None = None
    ticket: str | None = None

    def of(self, bucket: Bucket) -> str | None:
        """Return the name that decides the arm, which no other tenant's can equal."""
        named = {
            Bucket.TENANT: "",
            Bucket.CUSTOMER: self.customer,
            Bucket.TICKET: self.ticket,
        }[bucket]
        return None if named is None else f"{self.tenant}\n{named}"


class Judge:
    """Decides; keeps what it has made ready of each policy, and nothing else."""

    def __init__(
        self,
        policies: Policies,
        default_policy: str,
        targets: Targets,
        *,
        stages: Stages,
        health: Health,
        estimates: Estimates,
        scale: Scale,
        draw: Callable[[], float],
    ) -> None:
        """Decide over `targets` by `default_policy` where a call names none.

        `draw` returns a random number from 0 to 1, for policies that learn.
        """
        self._policies = policies
        self._default = default_policy
        self._targets = targets
        self._stages = stages
        self._health = health
        self._estimates = estimates
        self._scale = scale
        self._draw = draw
        self._indexed: dict[str, IntentIndex] = {}
        self._released: set[str] = set()
        self._advising: dict[tuple[str, str], Policy] = {}

    async def serve(self, reference: str | None, unit: Unit) -> Served:
        """Return the version that serves the unit.

        Raises:
            UnknownPolicy: the call names a policy that is not at hand.
            PolicyRejected: the document cannot be used.
            PolicyEdited: the version was used before, with another text.
        """
        served = self._serve(reference, unit)

        if served.policy.digest not in self._released:
            await self._release(served.policy)

        return served

    def signals(
        self,
        served: Served,
        call: Call,
        request: CompletionRequest,
        facts: CallerFacts,
        books: Books,
    ) -> Signals:
        """Return what is known of a completion."""
        return collect(
            tool=call.tool,
            tenant=call.caller.tenant,
            request=request,
            facts=facts,
            prompt_tokens=self._scale.corrected(None, estimate_tokens(request)),
            intents=served.intents,
            books=books,
        )

    def completion(self, served: Served, signals: Signals, spend: SpendView) -> Judged:
        """Return where a completion goes."""
        policy = served.policy
        learns = policy.learning.mode is not LearningMode.OFF
        learned = self._estimates.of(policy.name, signals.intent.name) if learns else {}
        facts = {
            name: replace(
                one,
                health=self._health.of(name),
                estimate=learned.get(name, Estimate()) if learns else one.estimate,
            )
            for name, one in self._targets.model_facts(signals.prompt_tokens).items()
        }
        decision = decide(
            policy,
            signals,
            facts,
            spend,
            arm=served.arm,
            draw=self._draw() if learns else None,
        )
        return Judged(decision=decision, rule=policy.rule(decision.rule), policy=policy)

    def advisors(self, judged: Judged) -> Decision:
        """Return who may be asked for advice on a call: the rule's advisors, by their pool."""
        assert judged.rule is not None, "only a rule has advisors"
        place = (judged.policy.digest, judged.rule.id)

        if place not in self._advising:  # kept, for a policy is planned once for each object
            self._advising[place] = _advising(judged.policy, judged.rule)

        decision = judged.decision
        known = {one.name: one for one in decision.facts}
        return decide(self._advising[place], decision.signals, known, decision.spend)

    async def desk(self, call: Call) -> Decision:
        """Return where a call to a desk goes; its version is the stable one, or its tenant's.

        Raises:
            PolicyRejected, PolicyEdited: as `serve` does.
        """
        signals = collect_for_desk(tool=call.tool, tenant=call.caller.tenant)
        served = await self.serve(None, Unit(tenant=call.caller.tenant))
        return decide(served.policy, signals, self._targets.desk_facts(), UNSPENT, arm=served.arm)

    def _serve(self, reference: str | None, unit: Unit) -> Served:
        """Return the version of a reference; a name without a version follows its rollout."""
        named = reference or self._default
        stage = None if "@" in named else self._stages.stage(named)
        arm: Arm | None = None

        if stage is not None:
            arm = _arm(stage.rollout, unit)
            version = stage.stable

            if arm is Arm.CANDIDATE and stage.rollout is not None:
                version = stage.rollout.version

            named = f"{named}@{version}"

        policy = self._policies.load(named)

        if policy.digest not in self._indexed:
            self._indexed[policy.digest] = IntentIndex.of(policy.intents)

        return Served(policy=policy, intents=self._indexed[policy.digest], arm=arm)

    async def _release(self, policy: Policy) -> None:
        """Fix the text of a version that is used for the first time.

        While the store is away that has to wait; reads go on meanwhile.
        """
        try:
            await self._stages.released(policy, who="server")
        except StorageUnavailable as error:
            _logger.warning("the use of %s is not noted yet: %s", policy.label, error.message)
        else:
            self._released.add(policy.digest)


def _advising(policy: Policy, rule: Rule) -> Policy:
    """Return the policy by which the advisors of a rule are chosen."""
    plan = rule.advisor
    assert plan is not None, "only a rule with a plan is asked for them"
    limits = replace(
        rule.limits,
        budget_microusd=plan.max_microusd,
        max_output_tokens=plan.max_output_tokens,
    )
    asking = replace(rule, pool=plan.pool, fallback=(), limits=limits)
    return replace(policy, rules=(asking,))


def _arm(rollout: Rollout | None, unit: Unit) -> Arm | None:
    """Return the unit's arm; a call that does not name the unit is served by the stable version.

    None where nothing is being rolled out.
    """
    if rollout is None:
        return None

    named = unit.of(rollout.by)
    return Arm.STABLE if named is None else arm_of(rollout, named)


def require_candidates(decision: Decision) -> None:
    """Refuse a decision that leaves nobody to send to.

    Raises:
        BudgetExceeded: an account of the call does not even cover the cheapest target.
        TargetsExhausted: some would serve the call, and fail too often at the moment.
        NoTarget: every target of the rule's pools was rejected for good.
    """
    if decision.candidates:
        return

    reasons = "; ".join(f"{one.target}: {one.reason}" for one in decision.rejections)
    told = f"No target of pool {decision.pool} can serve this call ({reasons})."
    rejected = {one.target for one in decision.rejections}
    known = [one for one in decision.facts if one.name in rejected]
    short = decision.spend.tightest
    costs = [cost for one in known if (cost := _cost(one, decision)) is not None]

    if short is not None and costs and min(costs) > (short.left_microusd or 0):
        raise exceeded(short, min(costs))

    if any(one.health.breaker is BreakerState.OPEN for one in known):
        raise TargetsExhausted(told)

    raise NoTarget(told)


def _cost(fact: TargetFacts, decision: Decision) -> int | None:
    """Return what the call would cost at a target, with an answer of full length."""
    return fact.cost_microusd(
        prompt_tokens=decision.signals.prompt_tokens,
        answer_tokens=longest_answer(decision.limits, decision.signals),
    )
