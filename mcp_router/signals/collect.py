"""The signals of a call: what its host says, what its texts tell, what the router's books hold.

What the host says wins: it knows more of its customer than a few words can tell. Every signal names
its origin, so that a person who reads a decision sees whom it rests on.
"""

from dataclasses import dataclass

from mcp_router.domain.completion import CompletionRequest, Role
from mcp_router.domain.signals import Intent, Signals
from mcp_router.signals.intent import IntentIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerFacts:
    """What the host knows of the conversation; None and blank text both mean that it says nothing.

    `subject` is the ticket's, `locale` a language tag such as `de-AT`, `channel` a word such as
    `email` or `voice`. An `intent` that the policy does not have says nothing; one without
    `intent_confidence` is certain. An empty list says that there is nothing of the kind, and so
    overrules what the text seems to tell. `customer_id` is no signal: rollouts by customer use it.
    """

    subject: str | None = None
    customer_id: str | None = None
    intent: str | None = None
    intent_confidence: float | None = None
    customer_tier: str | None = None
    locale: str | None = None
    channel: str | None = None
    tools_required: bool | None = None
    retrieval_confidence: float | None = None
    safety_flags: tuple[str, ...] | None = None
    sensitive_topics: tuple[str, ...] | None = None
    pii_kinds: tuple[str, ...] | None = None
    ticket_status: str | None = None
    ticket_priority: str | None = None
    complexity: float | None = None
    deadline_s: float | None = None


NO_FACTS = CallerFacts()
"""The host says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the router's own books hold on a call."""

    cache_similarity: float | None = None
    ticket_spend_microusd: int = 0


NO_BOOKS = Books()
"""Nothing is kept that is like it, and its ticket has cost nothing yet."""


def collect(
    *,
    tool: str,
    tenant: str,
    request: CompletionRequest,
    facts: CallerFacts,
    prompt_tokens: int,
    intents: IntentIndex,
    books: Books = NO_BOOKS,
) -> Signals:
    """Return the signals of a completion, each with its origin.

    The intent is that of the last user message, after the subject. `turns` counts the messages of
    user and assistant: instructions and the results of tools are nobody's turn.
    """
    turns = [one for one in request.messages if one.role in (Role.USER, Role.ASSISTANT)]
    questions = [one.content for one in turns if one.role is Role.USER]
    said = _intent_said(facts, intents)
    return Signals(
        tool=tool,
        tenant=tenant,
        intent=said or intents.match("\n".join([facts.subject or "", *questions[-1:]])),
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


def _intent_said(facts: CallerFacts, intents: IntentIndex) -> Intent | None:
    """Return the intent that the host names, None if the policy has none of that name."""
    name = _said(facts.intent)

    if name not in intents.names:
        return None

    confidence = 1.0 if facts.intent_confidence is None else facts.intent_confidence
    return Intent(name=name, confidence=confidence)


def _said(fact: str | None) -> str | None:
    """Return the fact without the blanks around it, None if nothing is left."""
    return (fact or "").strip() or None
