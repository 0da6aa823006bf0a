"""Whether every rule can be reached, and whether every completion finds one."""

from collections.abc import Iterable, Sequence

from mcp_router.policy.draft import Part
from mcp_router.policy.draft_rules import RuleForm, WhenForm
from mcp_router.review import Review


def check_order(rules: Sequence[Part[RuleForm]], review: Review) -> None:
    """Check that ids are unique, that every rule can be reached, and that no call falls through."""
    for index, rule in enumerate(rules):
        earlier = rules[:index]

        if any(other.name == rule.name for other in earlier):
            review.add((*rule.path, "id"), "an id that no other rule has")

        covers = _covers(earlier, rule)

        if covers:
            takers = f"{' and '.join(covers)} above {'takes' if len(covers) == 1 else 'take'}"
            review.add(rule.path, f"a rule that can be reached; {takers} all of it")

    written = review.document.at(("rules",))
    unread = len(written) - len(rules) if isinstance(written, list) else 0

    # A rule that could not be read may be the missing one: its own problems are told already.
    if rules and not unread and not any(_asks_nothing(rule) for rule in rules):
        review.add(
            ("rules",),
            "a last rule without `when`, for the completions that no other rule takes",
        )


def _asks_nothing(rule: Part[RuleForm]) -> bool:
    """Return whether the rule takes every completion that reaches it."""
    return all(value is None for _, value in rule.form.when or WhenForm())


def _covers(earlier: Sequence[Part[RuleForm]], rule: Part[RuleForm]) -> list[str]:
    """Return the rules that together take every call that this one asks for, if there are any."""
    narrow = rule.form.when or WhenForm()
    left = None if narrow.intent is None else set(narrow.intent)
    takers: list[str] = []

    for other in earlier:
        wide = other.form.when or WhenForm()
        taken = None if wide.intent is None else set(wide.intent)

        if not _as_wide(wide, narrow) or (left is None and taken is not None):
            continue

        if left is None or taken is None or set(narrow.intent or ()) <= taken:
            return [other.name]

        if left & taken:
            takers.append(other.name)
            left -= taken

    return takers if left is not None and not left else []


def _as_wide(wide: WhenForm, narrow: WhenForm) -> bool:
    """Return whether one condition holds wherever the other does, intents left aside."""
    return (
        _lists(wide, narrow) and _lowest(wide, narrow) and _highest(wide, narrow)
        and wide.tools_offered in (None, narrow.tools_offered)
        and wide.tools_required in (None, narrow.tools_required)
    )  # fmt: skip


def _lists(wide: WhenForm, narrow: WhenForm) -> bool:
    """Compare what is one of several words."""
    exact = (
        (wide.tenant, narrow.tenant),
        (wide.safety_flag, narrow.safety_flag),
        (wide.sensitive_topic, narrow.sensitive_topic),
        (wide.pii_kind, narrow.pii_kind),
        (wide.ticket_status, narrow.ticket_status),
        (wide.ticket_priority, narrow.ticket_priority),
    )
    in_any_case = (
        (wide.customer_tier, narrow.customer_tier),
        (wide.locale, narrow.locale),
        (wide.channel, narrow.channel),
    )
    return all(a is None or (b is not None and set(b) <= set(a)) for a, b in exact) and all(
        a is None or (b is not None and _folded(b) <= _folded(a)) for a, b in in_any_case
    )


def _folded(words: Iterable[str]) -> set[str]:
    return {word.casefold() for word in words}


def _lowest(wide: WhenForm, narrow: WhenForm) -> bool:
    """Compare what must be at least so much."""
    pairs = (
        (wide.confidence_at_least, narrow.confidence_at_least),
        (wide.prompt_tokens_at_least, narrow.prompt_tokens_at_least),
        (wide.turns_at_least, narrow.turns_at_least),
        (wide.retrieval_confidence_at_least, narrow.retrieval_confidence_at_least),
        (wide.complexity_at_least, narrow.complexity_at_least),
        (wide.cache_similarity_at_least, narrow.cache_similarity_at_least),
        (wide.deadline_s_at_least, narrow.deadline_s_at_least),
        (wide.ticket_spend_usd_at_least, narrow.ticket_spend_usd_at_least),
    )
    return all(a is None or (b is not None and b >= a) for a, b in pairs)


def _highest(wide: WhenForm, narrow: WhenForm) -> bool:
    """Compare what must be at most so much."""
    pairs = (
        (wide.prompt_tokens_at_most, narrow.prompt_tokens_at_most),
        (wide.turns_at_most, narrow.turns_at_most),
        (wide.retrieval_confidence_at_most, narrow.retrieval_confidence_at_most),
        (wide.complexity_at_most, narrow.complexity_at_most),
        (wide.deadline_s_at_most, narrow.deadline_s_at_most),
    )
    return all(a is None or (b is not None and b <= a) for a, b in pairs)
