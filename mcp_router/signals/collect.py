"""The signals of a call, from what it carries and what its host says about the customer."""

from dataclasses import dataclass

from mcp_router.domain.completion import CompletionRequest, Role
from mcp_router.domain.signals import Signals
from mcp_router.signals.intent import IntentIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerFacts:
    """What the host knows of the conversation; None and blank text both mean that it says nothing.

    `subject` is the ticket's, `locale` a language tag such as `de-AT`, `channel` a word such as
    `email` or `voice`.
    """

    subject: str | None = None
    customer_tier: str | None = None
    locale: str | None = None
    channel: str | None = None


def collect(
    *,
    tool: str,
    tenant: str,
    request: CompletionRequest,
    facts: CallerFacts,
    prompt_tokens: int,
    intents: IntentIndex,
) -> Signals:
    """Return the signals of a completion.

    The intent is that of the last user message, after the subject. `turns` counts the messages of
    user and assistant: instructions and the results of tools are nobody's turn.
    """
    turns = [one for one in request.messages if one.role in (Role.USER, Role.ASSISTANT)]
    questions = [one.content for one in turns if one.role is Role.USER]
    return Signals(
        tool=tool,
        tenant=tenant,
        intent=intents.match("\n".join([facts.subject or "", *questions[-1:]])),
        customer_tier=_said(facts.customer_tier),
        locale=_said(facts.locale),
        channel=_said(facts.channel),
        prompt_tokens=prompt_tokens,
        answer_tokens=request.max_output_tokens,
        tools_offered=len(request.tools),
        turns=len(turns),
    )


def collect_for_desk(*, tool: str, tenant: str) -> Signals:
    """Return the signals of a call to a desk: who calls which tool, for that is all it depends on.

    The ticket's words stay out of it on purpose: the desk that holds a ticket is the same whatever
    its customer wants.
    """
    return Signals(tool=tool, tenant=tenant)


def _said(fact: str | None) -> str | None:
    """Return the fact without the blanks around it, None if nothing is left."""
    return (fact or "").strip() or None
