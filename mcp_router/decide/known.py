"""What was known of a call, in sentences: what the customer wants, the other signals, the money."""

from mcp_router.decide.wording import count, listed, name
from mcp_router.domain.budget import Balance, BudgetScope
from mcp_router.domain.money import format_usd
from mcp_router.domain.signals import Signals, SignalSource

_SURE = ((0.85, "very likely"), (0.6, "likely"), (0.0, "perhaps"))  # from this confidence on
_SOURCES = {
    SignalSource.CALLER: "the caller said",
    SignalSource.TOKEN: "the credentials said",
    SignalSource.TEXT: "the text showed",
    SignalSource.REQUEST: "the request showed",
    SignalSource.BOOKS: "the router's own books showed",
}
_ACCOUNTS = {
    BudgetScope.REQUEST: "this call",
    BudgetScope.TICKET: "ticket",
    BudgetScope.RUN: "run",
    BudgetScope.TENANT: "the tenant in",
}


def is_conversation(signals: Signals) -> bool:
    """Tell whether something was said; a desk's tool is called without words to match."""
    return signals.turns > 0 or signals.prompt_tokens > 0


def known(signals: Signals) -> tuple[str, ...]:
    """Return what the call was taken for, what else was known of it, and who said so."""
    if not is_conversation(signals):
        return (f"The call is {name(signals.tool)} by tenant {name(signals.tenant)}.",)

    facts = [*_said(signals), *_measured(signals)]
    return (_intent(signals), f"Also known: {listed(facts)}.", *_origins(signals))


def account(balance: Balance) -> str:
    """Return how an account stands, to be read after a colon."""
    of = balance.account
    key = "" if of.scope is BudgetScope.REQUEST else f" {name(of.key)}"
    limit = "" if of.limit_microusd is None else f" of {format_usd(of.limit_microusd)}"
    held = f", and {format_usd(balance.held_microusd)} set aside" if balance.held_microusd else ""
    return f"{_ACCOUNTS[of.scope]}{key} has spent {format_usd(balance.spent_microusd)}{limit}{held}"


def _intent(signals: Signals) -> str:
    """Return what the customer was understood to want."""
    intent = signals.intent

    if intent.name is None:
        return "What the customer wrote resembles none of the policy's intents."

    sure = next(word for least, word in _SURE if intent.confidence >= least)
    return f'The customer {sure} wants "{intent.name}" (confidence {intent.confidence:.2f} of 1).'


def _said(signals: Signals) -> list[str]:
    """Return the words that are known, each with its label."""
    words = [
        f"{label} {name(said)}"
        for label, said in (
            ("customer tier", signals.customer_tier),
            ("locale", signals.locale),
            ("channel", signals.channel),
            ("ticket status", signals.ticket_status),
            ("ticket priority", signals.ticket_priority),
        )
        if said
    ]
    lists = [
        f"{label} {listed([name(one) for one in found])}"
        for label, found in (
            ("safety flags", signals.safety_flags),
            ("sensitive topics", signals.sensitive_topics),
            ("personal data:", signals.pii_kinds),
        )
        if found
    ]
    return words + lists


def _measured(signals: Signals) -> list[str]:
    """Return the numbers that are known."""
    facts = [
        f"{count(signals.turns, 'turn')} so far",
        f"about {count(signals.prompt_tokens, 'token')} of prompt",
        f"{count(signals.tools_offered, 'tool')} offered",
    ]

    if signals.tools_required:
        facts.append("a call of a tool required")

    facts += [
        f"{label} {value:.2f} of 1"
        for label, value in (
            ("retrieval confidence", signals.retrieval_confidence),
            ("complexity", signals.complexity or None),
            ("similarity to a kept answer", signals.cache_similarity),
        )
        if value is not None
    ]

    if signals.deadline_s is not None:
        facts.append(f"{signals.deadline_s:g} s until the caller gives up")

    if signals.ticket_spend_microusd:
        facts.append(f"{format_usd(signals.ticket_spend_microusd)} spent on the ticket before")

    return facts


def _origins(signals: Signals) -> tuple[str, ...]:
    """Return who said what, where that is known."""
    by_source = {
        source: [one.signal.replace("_", " ") for one in signals.sources if one.source is source]
        for source in SignalSource
    }
    told = [f"{_SOURCES[source]} {listed(names)}" for source, names in by_source.items() if names]
    return (f"Where that comes from: {'; '.join(told)}.",) if told else ()
