"""Brings a call before its policy: load the document, collect the signals, decide."""

from dataclasses import dataclass
from typing import Protocol

from mcp_router.decide.decide import decide
from mcp_router.domain.call import Call
from mcp_router.domain.completion import CompletionRequest
from mcp_router.domain.decision import Decision
from mcp_router.domain.policy import Policy
from mcp_router.errors import NoTarget
from mcp_router.execute.targets import Targets
from mcp_router.providers.tokens import estimate_tokens
from mcp_router.signals.collect import CallerFacts, collect, collect_for_desk
from mcp_router.signals.intent import IntentIndex


class Policies(Protocol):
    """Where policies come from."""

    def load(self, reference: str) -> Policy:
        """Return the policy of `name` or `name@version`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Indexed:
    """A policy with its intents made ready for matching."""

    policy: Policy
    intents: IntentIndex


class Judge:
    """Decides; keeps each policy's intents indexed, and nothing else."""

    def __init__(self, policies: Policies, default_policy: str, targets: Targets) -> None:
        """Decide over `targets` by `default_policy` where a call names none."""
        self._policies = policies
        self._default = default_policy
        self._targets = targets
        self._indexed: dict[str, _Indexed] = {}

    def completion(
        self, call: Call, request: CompletionRequest, facts: CallerFacts, policy: str | None
    ) -> Decision:
        """Return where a completion goes.

        Raises:
            UnknownPolicy: the call names a policy that is not at hand.
        """
        indexed = self._load(policy)
        tokens = estimate_tokens(request)
        signals = collect(
            tool=call.tool,
            tenant=call.caller.tenant,
            request=request,
            facts=facts,
            prompt_tokens=tokens,
            intents=indexed.intents,
        )
        return decide(indexed.policy, signals, self._targets.model_facts(tokens))

    def desk(self, call: Call) -> Decision:
        """Return where a call to a desk goes."""
        signals = collect_for_desk(tool=call.tool, tenant=call.caller.tenant)
        return decide(self._load(None).policy, signals, self._targets.desk_facts())

    def _load(self, reference: str | None) -> _Indexed:
        """Return the policy, indexed once for each document."""
        policy = self._policies.load(reference or self._default)

        if policy.digest not in self._indexed:
            self._indexed[policy.digest] = _Indexed(
                policy=policy, intents=IntentIndex.of(policy.intents)
            )

        return self._indexed[policy.digest]


def require_candidates(decision: Decision) -> None:
    """Refuse a decision that leaves nobody to send to.

    Raises:
        NoTarget: every target of the rule's pools was rejected.
    """
    if not decision.candidates:
        reasons = "; ".join(f"{one.target}: {one.reason}" for one in decision.rejections)
        raise NoTarget(f"No target of pool {decision.pool} can serve this call ({reasons}).")
