"""The signals of a call: what its host says, what its texts tell, what the router's books hold.

What the host says wins: it knows more of its customer than a few words can tell. Every signal names
its origin, so that a person who reads a decision sees whom it rests on.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import TypeVar

from mcp_router.domain.completion import CompletionRequest, Role
from mcp_router.domain.signals import Intent, SignalOrigin, Signals, SignalSource
from mcp_router.signals.complexity import complexity
from mcp_router.signals.intent import IntentIndex, Matched
from mcp_router.signals.lexicon import Reading, read
from mcp_router.signals.pii import pii_kinds
from mcp_router.signals.safety import is_injected, safety_flags
from mcp_router.signals.topics import sensitive_topics

T = TypeVar("T")


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

    The intent and the complexity are those of the last user message, after the subject. Flags,
    topics and personal data are looked for in all that the customer wrote; injected instructions
    and personal data also in what tools brought in. Instructions and answers are the host's own
    and are not read. `turns` counts the messages of user and assistant.
    """
    turns = [one for one in request.messages if one.role in (Role.USER, Role.ASSISTANT)]
    questions = [one.content for one in turns if one.role is Role.USER]
    subject = [] if facts.subject is None else [facts.subject]
    question = "\n".join([*subject, *questions[-1:]])
    matched = intents.matched(question)
    said = _intent_said(facts, intents)
    customer = read([*subject, *questions])
    fetched = [one.content for one in request.messages if one.role is Role.TOOL]
    other = read(fetched) if fetched else None
    found = Signals(
        tool=tool,
        tenant=tenant,
        intent=said or matched.intent,
        customer_tier=_said(facts.customer_tier),
        locale=_said(facts.locale),
        channel=_said(facts.channel),
        prompt_tokens=prompt_tokens,
        answer_tokens=request.max_output_tokens,
        tools_offered=len(request.tools),
        tools_required=_first(facts.tools_required, request.tools_required),
        turns=len(turns),
        retrieval_confidence=facts.retrieval_confidence,
        safety_flags=_names(facts.safety_flags, partial(_flags, customer, other)),
        sensitive_topics=_names(facts.sensitive_topics, partial(sensitive_topics, customer)),
        pii_kinds=_names(facts.pii_kinds, partial(_personal, customer, other)),
        ticket_status=_said(facts.ticket_status),
        ticket_priority=_said(facts.ticket_priority),
        complexity=_complexity(facts, question, matched),
        cache_similarity=books.cache_similarity,
        deadline_s=facts.deadline_s,
        ticket_spend_microusd=books.ticket_spend_microusd,
    )
    return replace(found, sources=_origins(found, _said_by_caller(facts, said)))


def collect_for_desk(*, tool: str, tenant: str) -> Signals:
    """Return the signals of a call to a desk: who calls which tool, for that is all it depends on.

    The ticket's words stay out of it on purpose: the desk that holds a ticket is the same whatever
    its customer wants.
    """
    return Signals(tool=tool, tenant=tenant, sources=_WHO_CALLS_WHAT)


_SOURCES: Mapping[str, SignalSource] = {
    "answer_tokens": SignalSource.REQUEST,
    "cache_similarity": SignalSource.BOOKS,
    "channel": SignalSource.CALLER,
    "complexity": SignalSource.TEXT,
    "customer_tier": SignalSource.CALLER,
    "deadline_s": SignalSource.CALLER,
    "intent": SignalSource.TEXT,
    "locale": SignalSource.CALLER,
    "pii_kinds": SignalSource.TEXT,
    "prompt_tokens": SignalSource.REQUEST,
    "retrieval_confidence": SignalSource.CALLER,
    "safety_flags": SignalSource.TEXT,
    "sensitive_topics": SignalSource.TEXT,
    "tenant": SignalSource.TOKEN,
    "ticket_priority": SignalSource.CALLER,
    "ticket_spend_microusd": SignalSource.BOOKS,
    "ticket_status": SignalSource.CALLER,
    "tool": SignalSource.REQUEST,
    "tools_offered": SignalSource.REQUEST,
    "tools_required": SignalSource.REQUEST,
    "turns": SignalSource.REQUEST,
}
"""Where each signal comes from if the host does not say it, in the order of their names."""

_FOUND = {name: SignalOrigin(signal=name, source=source) for name, source in _SOURCES.items()}
_TOLD = {name: SignalOrigin(signal=name, source=SignalSource.CALLER) for name in _SOURCES}
_WHO_CALLS_WHAT = (_FOUND["tenant"], _FOUND["tool"])
_NEUTRAL = Signals(tool="", tenant="")
_KNOWN = attrgetter(*_SOURCES)
_NOTHING = _KNOWN(_NEUTRAL)


def _origins(signals: Signals, told: Set[str]) -> tuple[SignalOrigin, ...]:
    """Return the origin of every signal that the host told or that has not its neutral default."""
    return tuple(
        _TOLD[name] if name in told else origin
        for (name, origin), value, nothing in zip(
            _FOUND.items(), _KNOWN(signals), _NOTHING, strict=True
        )
        if value != nothing or name in told
    )


def _said_by_caller(facts: CallerFacts, intent: Intent | None) -> Set[str]:
    """Return the signals that might come from elsewhere and that the host has told."""
    said = {
        "complexity": facts.complexity,
        "intent": intent,
        "pii_kinds": facts.pii_kinds,
        "safety_flags": facts.safety_flags,
        "sensitive_topics": facts.sensitive_topics,
        "tools_required": facts.tools_required,
    }
    return {name for name, value in said.items() if value is not None}


def _intent_said(facts: CallerFacts, intents: IntentIndex) -> Intent | None:
    """Return the intent that the host names, None if the policy has none of that name."""
    name = _said(facts.intent)

    if name not in intents.names:
        return None

    return Intent(name=name, confidence=_first(facts.intent_confidence, 1.0))


def _flags(customer: Reading, fetched: Reading | None) -> tuple[str, ...]:
    """Return the safety flags of what the customer wrote and of what tools brought in."""
    flags = safety_flags(customer)

    if fetched is None or "injection" in flags or not is_injected(fetched):
        return flags

    return ("injection", *flags)


def _personal(customer: Reading, fetched: Reading | None) -> tuple[str, ...]:
    """Return the kinds of personal data in what the customer wrote and tools brought in."""
    found = pii_kinds(customer.text)

    if fetched is None:
        return found

    return tuple(sorted({*found, *pii_kinds(fetched.text)}))


def _complexity(facts: CallerFacts, question: str, matched: Matched) -> float:
    """Return the complexity that the host tells, else that of the question."""
    if facts.complexity is not None:
        return facts.complexity

    return complexity(question, intents=matched.named) if question else 0.0


def _names(said: tuple[str, ...] | None, find: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names that the host tells, sorted and once each, else those that are found."""
    if said is None:
        return find()

    return tuple(sorted({name for one in said if (name := one.strip())}))


def _first(said: T | None, otherwise: T) -> T:
    """Return what the host says, else the other."""
    return otherwise if said is None else said


def _said(fact: str | None) -> str | None:
    """Return the fact without the blanks around it, None if nothing is left."""
    return (fact or "").strip() or None
