"""Whether a policy makes sense: every problem at once, each with its place.

Fallbacks cannot run in a circle: a rule names its pools as one flat list, no pool names another,
and a pool that stands in the list twice is a problem here.
"""

import re

from mcp_router.domain.learning import LearningMode
from mcp_router.domain.policy import PoolStrategy
from mcp_router.domain.policy_case import NONE
from mcp_router.marked_yaml import YamlPath, show_path
from mcp_router.policy.cases import CasePart, check_cases
from mcp_router.policy.catalog import Catalog
from mcp_router.policy.check_answers import check_answers
from mcp_router.policy.check_money import check_budgets, check_prices
from mcp_router.policy.check_order import check_order
from mcp_router.policy.check_rules import check_rule, check_tool, check_tool_name, times_problem
from mcp_router.policy.draft import Draft, Part, PoolForm
from mcp_router.policy.draft_rules import RuleForm
from mcp_router.policy.draft_words import AN_ID, AN_INTENT, ID, INTENT_NAME
from mcp_router.review import Review, suggest


def check(draft: Draft, review: Review, catalog: Catalog | None = None) -> None:
    """Keep in `review` every problem of the draft that the shape of its parts does not show.

    With a catalog the names and prices of its targets are checked too.
    """
    _check_names(review)
    _check_examples(draft, review)

    for pool in draft.pools:
        _check_pool(pool, draft, review)

    for rule in draft.rules:
        check_rule(rule, draft, review)
        check_answers(rule, draft, review)

    _check_learning(draft, review)
    check_order(draft.places, review)

    for name in review.names(("tools",)):
        check_tool_name(name, review)

    for tool in draft.tools:
        check_tool(tool, draft, review)

    if draft.limits is not None:
        times_problem(draft.limits, None, ("limits",), review)

    check_budgets(draft, review)
    check_cases(draft.cases, review)

    for case in draft.cases:
        _check_case(case, draft, review)

    if catalog is not None:
        _check_targets(draft, review, catalog)
        check_prices(draft, review, catalog)


def _check_learning(draft: Draft, review: Review) -> None:
    """Check that learning has somebody to draw: where a rule's own pool has nobody, it does not."""
    learning = draft.learning

    if learning is None or learning.mode is LearningMode.OFF:
        return

    pools = [pool for rule in draft.rules if (pool := draft.pool(rule.form.pool)) is not None]
    rated = [one.quality for pool in pools for one in pool.form.targets]
    known = [one for one in rated if one is not None]

    if known and len(known) == len(rated) and max(known) < (learning.quality_at_least or 0):
        best = f"at most {max(known):g}, the best of the rules' pools, or nobody is ever drawn"
        review.add(("learning", "quality_at_least"), best)


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


def _check_pool(pool: Part[PoolForm], draft: Draft, review: Review) -> None:
    form = pool.form
    wanted = _wants_quality(pool, draft)
    seen: set[str] = set()

    for index, target in enumerate(form.targets):
        place = (*pool.path, "targets", index)

        if target.target in seen:
            review.add(place, "each target once")

        if form.kind == "desk" and target.quality is not None:
            review.add((*place, "quality"), "no quality: desks are tried in the listed order")

        if form.kind == "model" and wanted is not None and target.quality is None:
            review.add(place, f"the key `quality`: {wanted}")

        seen.add(target.target)

    if form.kind == "model" and form.strategy is None:
        review.add(pool.path, "the key `strategy`, which is missing")

    if form.kind == "desk" and form.strategy not in (None, PoolStrategy.AS_LISTED):
        review.add((*pool.path, "strategy"), "as-listed, the only strategy for desks")

    _check_weights(pool, review)


def _check_weights(pool: Part[PoolForm], review: Review) -> None:
    weights, place = pool.form.weights, (*pool.path, "weights")

    if weights is None:
        return

    if pool.form.strategy is not PoolStrategy.BALANCED:
        review.add(place, "no weights: only balanced weighs its factors")

    if not any(value for _, value in weights):
        review.add(place, "a weight above 0")


def _wants_quality(pool: Part[PoolForm], draft: Draft) -> str | None:
    """Return who needs the quality of a pool's targets, None where nobody does."""
    strategy, weights = pool.form.strategy, pool.form.weights
    weighed = weights is None or weights.quality > 0

    if strategy is PoolStrategy.QUALITY_FIRST or (strategy is PoolStrategy.BALANCED and weighed):
        return f"{strategy} ranks by it"

    learning = draft.learning

    if learning and learning.mode is not LearningMode.OFF and learning.quality_at_least:
        return "learning has a lowest one"

    return next((f"rule {rule.name} asks for it" for rule in _asking(pool, draft)), None)


def _asking(pool: Part[PoolForm], draft: Draft) -> list[Part[RuleForm]]:
    """Return the rules that ask for a quality of this pool."""
    return [
        rule
        for rule in draft.rules
        if rule.form.requires is not None
        and rule.form.requires.quality_at_least is not None
        and pool.name in (rule.form.pool, *rule.form.fallback)
    ]


def _check_case(case: CasePart, draft: Draft, review: Review) -> None:
    """Check that a case speaks of what the document has."""
    expect = case.form.expect
    given = case.form.given.intent if case.form.given else None
    tools = [f"tool:{name}" for name in review.names(("tools",))]
    rules = [*(rule.name for rule in draft.rules), *tools]
    targets = [target.target for pool in draft.pools for target in pool.form.targets]
    # A part that could not be read may be the missing one: its own problems are told already.
    read = len(draft.rules) == _length(review, ("rules",))
    whole = len(draft.pools) == len(review.names(("pools",)))

    for place, name, known, what in (
        (("given", "intent"), given, review.names(("intents",)), "an intent"),
        (("expect", "rule"), expect.rule, rules if read else None, "a rule"),
        (("expect", "pool"), expect.pool, review.names(("pools",)), "a pool"),
        (("expect", "target"), expect.target, targets if whole else None, "a target"),
    ):
        if place[0] == "expect" and name == NONE:
            continue

        if name is not None and known is not None and name not in known:
            review.add((*case.path, *place), f"{what} of this policy{suggest(name, known)}")


def _length(review: Review, path: YamlPath) -> int:
    value = review.document.at(path)
    return len(value) if isinstance(value, list) else 0


def _check_targets(draft: Draft, review: Review, catalog: Catalog) -> None:
    """Check that router.yaml has what the pools name."""
    for pool in draft.pools:
        known = catalog.models if pool.form.kind == "model" else catalog.desks

        for index, target in enumerate(pool.form.targets):
            if known and target.target not in known:
                advice = suggest(target.target, sorted(known))
                place = (*pool.path, "targets", index)
                review.add(place, f"a {pool.form.kind} of router.yaml{advice}")
