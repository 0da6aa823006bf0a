"""Which calls the cache may serve, and which answers it may keep."""

from mcp_router.domain.completion import CompletionRequest, Role
from mcp_router.domain.guardrails import CachePlan
from mcp_router.domain.signals import Signals


def cacheable(
    request: CompletionRequest,
    signals: Signals,
    *,
    account_specific: bool,
    plan: CachePlan | None,
) -> str | None:
    """Return why the call has nothing to do with the cache, None if it may use it."""
    if plan is None:
        return "the rule keeps no answers"

    if account_specific:
        return "the intent is about one customer's account"

    if request.tools or signals.turns > 1:
        return "the answer depends on more than one question"

    if signals.pii_kinds:
        return "the question holds personal data"

    return None


def question_of(request: CompletionRequest, subject: str | None) -> str:
    """Return the words that are compared."""
    asked = [one.content for one in request.messages if one.role is Role.USER]
    return "\n".join([subject or "", *asked[-1:]])
