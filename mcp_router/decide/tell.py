"""A record in sentences: the first thing that an auditor reads about a call."""

from collections.abc import Sequence

from mcp_router.decide.changes import changes
from mcp_router.decide.explain import explain
from mcp_router.decide.handover import SOURCES
from mcp_router.decide.known import account
from mcp_router.decide.wording import count, duration, listed, moment, name
from mcp_router.domain.action import Outcome
from mcp_router.domain.attempt import Attempt, Evidence, Purpose, Reason
from mcp_router.domain.guardrails import Advice, CacheState
from mcp_router.domain.money import format_usd
from mcp_router.domain.record import ModelAnswer, Record

_ENDINGS = {
    "ok": "It was answered.",
    "error": "It ended with an error.",
    "cancelled": "The host went away before the answer.",
    "escalated": "No answer was published: a person has to take over.",
    "incomplete": "The answer broke off after its beginning had been handed on.",
    Outcome.SUCCEEDED: "It was done, once.",
    Outcome.REPLAYED: "It had been done before under the same key; nothing was sent this time.",
    Outcome.IN_PROGRESS: "Another call with the same key was at work on it; its answer counts.",
    Outcome.CONFLICT: (
        "The same key, or the same step of the run, had been used with other arguments; "
        "nothing was sent."
    ),
    Outcome.FAILED: "It was not done; nothing was changed.",
    Outcome.OUTCOME_UNKNOWN: (
        "It may or may not have been done, and nobody could say at that time. It is not sent "
        "again until that is known: get_action tells how it stands now."
    ),
    Outcome.DRY_RUN: "It was a dry run; nothing was sent.",
}

_REASONS = {
    Reason.OK: "answered",
    Reason.REFUSED: "could not be reached",
    Reason.TIMEOUT: "did not answer in time",
    Reason.RESET: "broke the connection off",
    Reason.RATE_LIMITED: "asked for fewer requests",
    Reason.UNAUTHORIZED: "did not accept our credentials",
    Reason.REJECTED: "refused the request as it was",
    Reason.NOT_FOUND: "had nothing of that id",
    Reason.CHANGED: "had been changed by somebody else in the meantime",
    Reason.EXISTS: "had it already",
    Reason.QUOTA: "had no quota left for us",
    Reason.SERVER_ERROR: "failed on its side",
    Reason.GARBLED: "sent an answer that made no sense",
    Reason.REDIRECTED: "sent us elsewhere, where we do not follow",
    Reason.CANCELLED: "was still at work when the host went away",
    Reason.BREAKER_OPEN: "was not asked, for it had failed too often just before",
    Reason.CHECKS_FAILED: "answered, but not in the form that the policy asks for",
    Reason.INCOMPLETE: "broke off in the middle of its answer",
    Reason.OVER_BUDGET: "was not asked, for the rest of the budget did not cover it",
}

_NOT_ASKED = (Reason.OVER_BUDGET, Reason.BREAKER_OPEN)

_PURPOSES = {Purpose.ADVICE: "for advice", Purpose.FINISH: "with that advice"}

_CACHE = {
    CacheState.HIT: "A kept answer was given again",
    CacheState.MISS: "No kept answer would do",
    CacheState.BYPASS: "The cache was left out",
}

_LONGEST_REASON = 400

_EVIDENCE = {
    Evidence.APPLIED: "the write was applied",
    Evidence.NOT_APPLIED: "nothing was applied",
    Evidence.UNKNOWN: "the write may have been applied",
}


def tell(record: Record) -> str:
    """Return the whole record as text: what was asked, how it ended, what was tried, and why.

    Names that callers chose stand on one line each and are cut at 120 characters; the text never
    holds what customers wrote.
    """
    if record.event is not None:
        return _joined([_call(record), ("What changed", changes(record.event))])

    sections = [_call(record), ("How it ended", _ending(record))]

    if record.attempts:
        sections.append(("What was tried", _attempts(record)))

    if record.budgets:
        after = tuple(f"{_capital(account(balance))}." for balance in record.budgets)
        sections.append(("The budgets afterwards", after))

    if record.decision is None:
        sections.append(("Why", ("It was refused before any policy was asked.",)))
    else:
        sections.append(("Why", explain(record.decision)))

    return _joined(sections)


def _joined(sections: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """Return the sections, each under its heading."""
    return "\n\n".join(
        "\n".join([heading, *(f"  {line}" for line in lines)]) for heading, lines in sections
    )


def _capital(sentence: str) -> str:
    """Return the words as a sentence begins."""
    return sentence[:1].upper() + sentence[1:]


def _call(record: Record) -> tuple[str, tuple[str, ...]]:
    """Return what was asked, when, by whom."""
    caller = f"{name(record.principal)} of tenant {name(record.tenant)}, over {record.transport}"
    about = [
        f"{label} {name(said)}"
        for label, said in (
            ("ticket", record.ticket_id),
            ("run", record.run_id),
            ("action", record.action_id),
        )
        if said
    ]
    client = (f"Client: {name(record.client)}.",) if record.client else ()
    subject = (f"About {listed(about)}.",) if about else ()
    return (
        f"{name(record.tool)} at {moment(record.at_ms)} ({record.decision_id})",
        (f"Called by {caller}.", *client, *subject),
    )


def _ending(record: Record) -> tuple[str, ...]:
    """Return the outcome, the target, and what it took."""
    ending = _ENDINGS.get(record.outcome, f'It ended as "{name(record.outcome)}".')
    code = f" Error code: {record.error_code}." if record.error_code else ""
    by = f"Served by {record.target} in" if record.target and _is_served(record) else "It took"
    lines = [ending + code, f"{by} {duration(record.latency_ms)}{_cost(record)}."]

    if record.answer is not None:
        lines.append(_answer(record.answer))

    return (*lines, *_care(record))


def _care(record: Record) -> tuple[str, ...]:
    """Return what was done about the answer besides asking for it."""
    lines: list[str] = []

    if record.cache is not None:
        lines.append(f"{_CACHE[record.cache.state]}: {_sentence(record.cache.reason)}")

    if record.confidence is not None:
        sure = record.confidence
        lines.append(f"Confidence in the answer: {sure.value:.2f} of 1, by {SOURCES[sure.source]}.")

    if record.advice is not None:
        lines.append(_advice(record.advice))

    if record.escalation is not None:
        lines.append(f"A person has to take over: {_sentence(record.escalation)}")

    return tuple(lines)


def _advice(advice: Advice) -> str:
    """Return what asking an advisor came to."""
    followed = "and its advice was followed" if advice.followed else "and nothing came of it"
    return (
        f"{name(advice.target)} was asked for its judgement, {followed} "
        f"({duration(advice.latency_ms)}, {format_usd(advice.cost_microusd)}): "
        f"{_sentence(advice.reason)}"
    )


def _sentence(reason: str) -> str:
    """Return a reason with a full stop, whether it had one or not."""
    return f"{name(reason, longest=_LONGEST_REASON).rstrip('.')}."


def _is_served(record: Record) -> bool:
    """Tell whether the record's target did what was asked, now or at an earlier call."""
    return record.outcome in ("ok", Outcome.SUCCEEDED, Outcome.REPLAYED)


def _cost(record: Record) -> str:
    """Return what was paid, where a model was asked."""
    asked_a_model = record.answer is not None or record.cost_microusd > 0
    return f", for {format_usd(record.cost_microusd)}" if asked_a_model else ""


def _answer(answer: ModelAnswer) -> str:
    """Return what the log keeps of a model's answer."""
    calls = f" and {count(answer.tool_calls, 'tool call')}" if answer.tool_calls else ""
    return (
        f"The model {name(answer.model)} read {count(answer.input_tokens, 'token')} and wrote "
        f"{answer.output_tokens:,}{calls}; it finished with {name(answer.finish_reason)}. "
        f"Prices: {name(answer.price_table)}."
    )


def _attempts(record: Record) -> tuple[str, ...]:
    """Return every send in order, and where the call moved on to another target."""
    lines: list[str] = []
    before: str | None = None

    for place, attempt in enumerate(record.attempts, start=1):
        told = _attempt(attempt, is_write=record.action_id is not None)

        if attempt.purpose is not Purpose.ANSWER:
            lines.append(f"{place}. {_PURPOSES[attempt.purpose]}: {told}")
            continue

        moved = "" if before in (None, attempt.target) else "fell back: "
        lines.append(f"{place}. {moved}{told}")
        before = attempt.target

    return tuple(lines)


def _attempt(attempt: Attempt, *, is_write: bool) -> str:
    """Return what one target did, and for a write what that left behind."""
    status = f" (HTTP {attempt.status})" if attempt.status is not None else ""
    failed = f" (failed: {listed(attempt.failed_checks)})" if attempt.failed_checks else ""
    left = f"; {_EVIDENCE[attempt.evidence]}" if is_write else ""
    cost = f", {format_usd(attempt.cost_microusd)}" if attempt.cost_microusd else ""
    took = "" if attempt.reason in _NOT_ASKED else f", {duration(attempt.latency_ms)}"
    return f"{attempt.target} {_REASONS[attempt.reason]}{status}{failed}{left}{took}{cost}."
