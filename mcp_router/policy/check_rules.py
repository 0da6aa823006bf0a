"""Whether each rule and tool by itself makes sense: what it asks, where it goes, how long."""

from mcp_router.marked_yaml import YamlPath
from mcp_router.policy.draft import Draft, Part
from mcp_router.policy.draft_rules import (
    DefaultLimitsForm,
    LimitsForm,
    RuleForm,
    ToolForm,
    WhenForm,
)
from mcp_router.policy.routed import COMPLETION_TOOL, OWN_TOOLS, READING_TOOLS, WRITING_TOOLS
from mcp_router.review import Review, suggest

_DESK_TOOLS = READING_TOOLS | WRITING_TOOLS


def check_rule(rule: Part[RuleForm], draft: Draft, review: Review) -> None:
    """Keep every problem of what one rule asks for and where it goes."""
    form = rule.form
    when = form.when or WhenForm()
    known = review.names(("intents",))

    for index, intent in enumerate(when.intent or ()):
        if intent not in known:
            place = (*rule.path, "when", "intent", index)
            review.add(place, f"an intent of this policy{suggest(intent, known)}")

    for signal, low, high in _ranges(when):
        if low is not None and high is not None and low > high:
            place = (*rule.path, "when", f"{signal}_at_most")
            review.add(place, f"at least {low:.15g}, or the rule never holds")

    _check_pools(rule, "model", draft, review)
    _check_quality(rule, draft, review)
    times_problem(form.limits, draft.limits, (*rule.path, "limits"), review)


def _ranges(when: WhenForm) -> tuple[tuple[str, float | None, float | None], ...]:
    """Return the signals that have a lowest and a highest value, with both."""
    return (
        ("prompt_tokens", when.prompt_tokens_at_least, when.prompt_tokens_at_most),
        ("turns", when.turns_at_least, when.turns_at_most),
        (
            "retrieval_confidence",
            when.retrieval_confidence_at_least,
            when.retrieval_confidence_at_most,
        ),
        ("complexity", when.complexity_at_least, when.complexity_at_most),
        ("deadline_s", when.deadline_s_at_least, when.deadline_s_at_most),
    )


def _check_pools(
    part: Part[RuleForm] | Part[ToolForm], kind: str, draft: Draft, review: Review
) -> None:
    """Check that a part names pools that exist, of the kind it needs, each once."""
    seen: set[str] = set()

    for place, name in named_pools(part):
        check_pool_name(name, place, kind, draft, review)

        if name in seen:
            review.add(place, "each pool once: a cycle would ask the same targets again")

        seen.add(name)


def named_pools(part: Part[RuleForm] | Part[ToolForm]) -> list[tuple[YamlPath, str]]:
    """Return the pools of a part in their order, each with its place."""
    named: list[tuple[YamlPath, str]] = [((*part.path, "pool"), part.form.pool)]
    named += [
        ((*part.path, "fallback", index), name) for index, name in enumerate(part.form.fallback)
    ]
    return named


def check_pool_name(name: str, place: YamlPath, kind: str, draft: Draft, review: Review) -> None:
    """Check that there is a pool of that name and kind."""
    known = review.names(("pools",))
    pool = draft.pool(name)

    if name not in known:
        review.add(place, f"a pool of this policy{suggest(name, known)}")
    elif pool is not None and pool.form.kind != kind:
        review.add(place, f"a pool of {kind}s")


def _check_quality(rule: Part[RuleForm], draft: Draft, review: Review) -> None:
    """Check that some target of the rule is as good as it asks."""
    least = rule.form.requires.quality_at_least if rule.form.requires else None
    pools = [draft.pool(name) for name in (rule.form.pool, *rule.form.fallback)]
    qualities = [
        target.quality for pool in pools if pool is not None for target in pool.form.targets
    ]
    rated = [quality for quality in qualities if quality is not None]

    if least is None or None in pools or len(rated) < len(qualities):
        return

    if rated and max(rated) < least:
        place = (*rule.path, "requires", "quality_at_least")
        review.add(place, f"at most {max(rated):g}, the best of its pools, or no target will do")


def check_tool_name(name: str, review: Review) -> None:
    """Check that a policy may send that tool somewhere."""
    if name in _DESK_TOOLS:
        return

    if name == COMPLETION_TOOL:
        expected = "a tool that works with a desk; completions are sent by `rules`"
    elif name in OWN_TOOLS:
        expected = "a tool that works with a desk; this one reads the router's own records"
    else:
        expected = f"a tool that works with a desk{suggest(name, sorted(_DESK_TOOLS))}"

    review.add(("tools", name), expected, at_key=True)


def check_tool(tool: Part[ToolForm], draft: Draft, review: Review) -> None:
    """Keep every problem of where one tool goes."""
    _check_pools(tool, "desk", draft, review)
    times_problem(tool.form.limits, draft.limits, (*tool.path, "limits"), review)

    if tool.name in WRITING_TOOLS and tool.form.fallback:
        review.add(
            (*tool.path, "fallback"),
            "no fallback: a write that moved to another desk could happen twice",
        )


def times_problem(
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
