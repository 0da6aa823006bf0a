"""Whether every rule can be reached, and whether every completion finds one."""

from collections.abc import Iterable, Sequence

from mcp_router.domain.policy import locale_tag
from mcp_router.policy.draft import Part
from mcp_router.policy.draft_rules import PlaceForm, WhenForm
from mcp_router.review import Review


def check_order(rules: Sequence[Part[PlaceForm]], review: Review) -> None:
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


def _asks_nothing(rule: Part[PlaceForm]) -> bool:
    """Return whether the rule takes every completion that reaches it."""
    return all(value is None for _, value in rule.form.when or WhenForm())


def _covers(earlier: Sequence[Part[PlaceForm]], rule: Part[PlaceForm]) -> list[str]:
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
    """Compare what is one of several words, in the way in which calls are matched."""
    in_any_case = (
        (wide.customer_tier, narrow.customer_tier),
        (wide.channel, narrow.channel),
        (wide.ticket_status, narrow.ticket_status),
        (wide.ticket_priority, narrow.ticket_priority),
        (wide.safety_flag, narrow.safety_flag),
        (wide.sensitive_topic, narrow.sensitive_topic),
        (wide.pii_kind, narrow.pii_kind),
    )
    tenants, others = wide.tenant, narrow.tenant
    return (
        (tenants is None or (others is not None and set(others) <= set(tenants)))
        and (wide.locale is None or _covered(wide.locale, narrow.locale))
        and all(a is None or (b is not None and _folded(b) <= _folded(a)) for a, b in in_any_case)
    )


def _folded(words: Iterable[str]) -> set[str]:
    return {word.casefold() for word in words}


def _covered(wide: Iterable[str], narrow: Iterable[str] | None) -> bool:
    """Return whether each of the narrow locales is one of the wide ones, or a region of one."""
    tags = tuple(map(locale_tag, wide))
    return narrow is not None and all(locale_tag(one).startswith(tags) for one in narrow)


def _lowest(wide: WhenForm, narrow: WhenForm) -> bool:
    """Compare what must be at least so much; what is always known is at least 0."""
    always_known = (
        (wide.confidence_at_least, narrow.confidence_at_least),
        (wide.prompt_tokens_at_least, narrow.prompt_tokens_at_least),
        (wide.turns_at_least, narrow.turns_at_least),
        (wide.complexity_at_least, narrow.complexity_at_least),
        (wide.ticket_spend_usd_at_least, narrow.ticket_spend_usd_at_least),
    )
    pairs = (
        (wide.retrieval_confidence_at_least, narrow.retrieval_confidence_at_least),
        (wide.cache_similarity_at_least, narrow.cache_similarity_at_least),
        (wide.deadline_s_at_least, narrow.deadline_s_at_least),
    )
    return all((a or 0) <= (b or 0) for a, b in always_known) and all(
        a is None or (b is not None and b >= a) for a, b in pairs
    )


def _highest(wide: WhenForm, narrow: WhenForm) -> bool:
    """Compare what must be at most so much; complexity is at most 1."""
    pairs = (
        (wide.prompt_tokens_at_most, narrow.prompt_tokens_at_most),
        (wide.turns_at_most, narrow.turns_at_most),
        (wide.retrieval_confidence_at_most, narrow.retrieval_confidence_at_most),
        (wide.deadline_s_at_most, narrow.deadline_s_at_most),
        (wide.complexity_at_most, _or_one(narrow.complexity_at_most)),
    )
    return all(a is None or (b is not None and b <= a) for a, b in pairs)


def _or_one(share: float | None) -> float:
    return 1.0 if share is None else share
