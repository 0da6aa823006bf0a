"""Whether a policy makes sense: every problem at once, each with its place.

Fallbacks cannot run in a circle: a rule names its pools as one flat list, no pool names another,
and a pool that stands in the list twice is a problem here.
"""

import re
from collections.abc import Sequence

from mcp_router.domain.policy import PoolStrategy
from mcp_router.marked_yaml import YamlPath, show_path
from mcp_router.policy.draft import (
    AN_ID,
    AN_INTENT,
    ID,
    INTENT_NAME,
    DefaultLimitsForm,
    Draft,
    LimitsForm,
    Part,
    PoolForm,
    RuleForm,
    ToolForm,
    WhenForm,
)
from mcp_router.policy.routed import COMPLETION_TOOL, OWN_TOOLS, READING_TOOLS, WRITING_TOOLS
from mcp_router.review import Review, suggest

_BY_QUALITY = frozenset({PoolStrategy.BALANCED, PoolStrategy.QUALITY_FIRST})
_DESK_TOOLS = READING_TOOLS | WRITING_TOOLS


def check(draft: Draft, review: Review) -> None:
    """Keep in `review` every problem of the draft that the shape of its parts does not show."""
    _check_names(review)
    _check_examples(draft, review)

    for pool in draft.pools:
        _check_pool(pool, review)

    for rule in draft.rules:
        _check_rule(rule, draft, review)

    _check_order(draft.rules, review)

    for name in review.names(("tools",)):
        _check_tool_name(name, review)

    for tool in draft.tools:
        _check_tool(tool, draft, review)

    if draft.limits is not None:
        _check_times(draft.limits, None, ("limits",), review)


def _check_names(review: Review) -> None:
    """Check the names of intents and pools, also of those that could not be read."""
    for section, pattern, expected in (("intents", INTENT_NAME, AN_INTENT), ("pools", ID, AN_ID)):
        for name in review.names((section,)):
            if not re.fullmatch(pattern, name):
                review.add((section, name), expected, at_key=True)


def _check_examples(draft: Draft, review: Review) -> None:
    """Refuse a phrase that stands twice: it would speak for two intents, or twice for one."""
    seen: dict[str, str] = {}

    for intent in draft.intents:
        for index, example in enumerate(intent.form.examples):
            phrase = " ".join(example.casefold().split())

            if phrase in seen:
                place = (*intent.path, "examples", index)
                owner = show_path((seen[phrase],))
                review.add(place, f"a phrase that {owner} does not have already")

            seen.setdefault(phrase, intent.name)


def _check_pool(pool: Part[PoolForm], review: Review) -> None:
    form = pool.form
    by_quality = form.kind == "model" and form.strategy in _BY_QUALITY
    seen: set[str] = set()

    for index, target in enumerate(form.targets):
        place = (*pool.path, "targets", index)

        if target.target in seen:
            review.add(place, "each target once")

        if form.kind == "desk" and target.quality is not None:
            review.add((*place, "quality"), "no quality: desks are tried in the listed order")

        if by_quality and target.quality is None:
            review.add(place, f"the key `quality`: {form.strategy} ranks by it")

        seen.add(target.target)

    if form.kind == "model" and form.strategy is None:
        review.add(pool.path, "the key `strategy`, which is missing")

    if form.kind == "desk" and form.strategy not in (None, PoolStrategy.AS_LISTED):
        review.add((*pool.path, "strategy"), "as-listed, the only strategy for desks")


def _check_rule(rule: Part[RuleForm], draft: Draft, review: Review) -> None:
    form = rule.form
    when = form.when or WhenForm()
    known = review.names(("intents",))

    for index, intent in enumerate(when.intent or ()):
        if intent not in known:
            place = (*rule.path, "when", "intent", index)
            review.add(place, f"an intent of this policy{suggest(intent, known)}")

    low, high = when.prompt_tokens_at_least, when.prompt_tokens_at_most

    if low is not None and high is not None and low > high:
        place = (*rule.path, "when", "prompt_tokens_at_most")
        review.add(place, f"at least {low}, or the rule never holds")

    _check_pools(rule, "model", draft, review)
    _check_times(form.limits, draft.limits, (*rule.path, "limits"), review)


def _check_pools(
    part: Part[RuleForm] | Part[ToolForm], kind: str, draft: Draft, review: Review
) -> None:
    """Check that a part names pools that exist, of the kind it needs, each once."""
    known = review.names(("pools",))
    named = [((*part.path, "pool"), part.form.pool)]
    named += [
        ((*part.path, "fallback", index), name) for index, name in enumerate(part.form.fallback)
    ]
    seen: set[str] = set()

    for place, name in named:
        if name not in known:
            review.add(place, f"a pool of this policy{suggest(name, known)}")
        elif any(pool.name == name and pool.form.kind != kind for pool in draft.pools):
            review.add(place, f"a pool of {kind}s")

        if name in seen:
            review.add(place, "each pool once: the same targets would be tried again")

        seen.add(name)


def _check_order(rules: Sequence[Part[RuleForm]], review: Review) -> None:
    """Check that ids are unique, that every rule can be reached, and that no call falls through."""
    for index, rule in enumerate(rules):
        earlier = rules[:index]

        if any(other.name == rule.name for other in earlier):
            review.add((*rule.path, "id"), "an id that no other rule has")

        cover = next((other for other in earlier if _covers(other, rule)), None)

        if cover is not None:
            review.add(rule.path, f"a rule that can be reached; {cover.name} above takes all of it")

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


def _covers(rule: Part[RuleForm], later: Part[RuleForm]) -> bool:
    """Return whether every call that the later rule asks for is taken by this one."""
    wide, narrow = rule.form.when or WhenForm(), later.form.when or WhenForm()
    lists = (
        (wide.intent, narrow.intent),
        (wide.customer_tier, narrow.customer_tier),
        (wide.tenant, narrow.tenant),
        (wide.locale, narrow.locale),
        (wide.channel, narrow.channel),
    )
    lowest = (
        (wide.confidence_at_least, narrow.confidence_at_least),
        (wide.prompt_tokens_at_least, narrow.prompt_tokens_at_least),
        (wide.turns_at_least, narrow.turns_at_least),
    )
    most, narrow_most = wide.prompt_tokens_at_most, narrow.prompt_tokens_at_most
    return (
        all(a is None or (b is not None and set(b) <= set(a)) for a, b in lists)
        and all(a is None or (b is not None and b >= a) for a, b in lowest)
        and (most is None or (narrow_most is not None and narrow_most <= most))
        and wide.tools_offered in (None, narrow.tools_offered)
    )


def _check_tool_name(name: str, review: Review) -> None:
    if name in _DESK_TOOLS:
        return

    if name == COMPLETION_TOOL:
        expected = "a tool that works with a desk; completions are sent by `rules`"
    elif name in OWN_TOOLS:
        expected = "a tool that works with a desk; this one reads the router's own records"
    else:
        expected = f"a tool that works with a desk{suggest(name, sorted(_DESK_TOOLS))}"

    review.add(("tools", name), expected, at_key=True)


def _check_tool(tool: Part[ToolForm], draft: Draft, review: Review) -> None:
    _check_pools(tool, "desk", draft, review)
    _check_times(tool.form.limits, draft.limits, (*tool.path, "limits"), review)

    if tool.name in WRITING_TOOLS and tool.form.fallback:
        review.add(
            (*tool.path, "fallback"),
            "no fallback: a write that moved to another desk could happen twice",
        )


def _check_times(
    own: LimitsForm | DefaultLimitsForm | None,
    default: DefaultLimitsForm | None,
    path: YamlPath,
    review: Review,
) -> None:
    """Check that one attempt fits into the deadline, with the defaults where nothing is said."""
    deadline_s = own.deadline_s if own else None
    attempt_s = own.attempt_timeout_s if own else None

    if deadline_s is None and attempt_s is None:
        return

    whole = deadline_s or (default.deadline_s if default else None)
    one = attempt_s or (default.attempt_timeout_s if default else None)

    if whole is not None and one is not None and one > whole:
        key = "attempt_timeout_s" if attempt_s is not None else "deadline_s"
        limit = f"at most deadline_s ({whole:g})" if attempt_s else f"at least {one:g}"
        review.add((*path, key), f"{limit}, or no attempt can use its time")
