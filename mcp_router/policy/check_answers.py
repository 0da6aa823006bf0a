"""Whether what a rule asks of an answer can be had: checks, confidence, advice and the cache."""

from mcp_router.domain.guardrails import ConfidenceSource, as_compared
from mcp_router.marked_yaml import YamlPath
from mcp_router.policy.build_rules import schema_text
from mcp_router.policy.check_rules import check_pool_name
from mcp_router.policy.draft import Draft, Part
from mcp_router.policy.draft_rules import ChecksForm, RuleForm, WhenForm
from mcp_router.policy.json_schema import schema_mistakes
from mcp_router.review import Review


def check_answers(rule: Part[RuleForm], draft: Draft, review: Review) -> None:
    """Keep every problem of what one rule asks of an answer."""
    if rule.form.checks is not None:
        _check_phrases(rule.form.checks, (*rule.path, "checks"), review)
        _check_schema(rule.form.checks, (*rule.path, "checks"), review)

    _check_confidence(rule, review)
    _check_advisor(rule, draft, review)
    _check_cache(rule, draft, review)


def _check_phrases(checks: ChecksForm, path: YamlPath, review: Review) -> None:
    """Check that an answer with every required phrase can pass."""
    forbidden = [as_compared(phrase) for phrase in checks.forbidden_phrases]
    most = checks.max_characters

    for index, phrase in enumerate(checks.required_phrases):
        place = (*path, "required_phrases", index)

        if any(other in as_compared(phrase) for other in forbidden):
            review.add(place, "a phrase without a forbidden one, or no answer passes")

        if most is not None and len(" ".join(phrase.split())) > most:
            review.add(place, f"a phrase of at most max_characters ({most}), or no answer passes")


def _check_schema(checks: ChecksForm, path: YamlPath, review: Review) -> None:
    if checks.json_schema is None:
        return

    place = (*path, "json_schema")

    try:
        text = schema_text(checks.json_schema)
    except ValueError:  # two names that are one in Unicode's normal form
        review.add(place, "names that differ in Unicode's normal form")
        return

    for inside, expected in schema_mistakes(text):
        review.add((*place, *inside), expected)


def _check_confidence(rule: Part[RuleForm], review: Review) -> None:
    confidence = rule.form.confidence

    if confidence is None:
        return

    if len(set(confidence.sources)) < len(confidence.sources):
        review.add((*rule.path, "confidence", "from"), "each source once")

    if ConfidenceSource.CHECKS in confidence.sources and not _checks_something(rule.form.checks):
        index = confidence.sources.index(ConfidenceSource.CHECKS)
        place = (*rule.path, "confidence", "from", index)
        review.add(place, "another source: the rule has no `checks`")


def _checks_something(checks: ChecksForm | None) -> bool:
    return checks is not None and any(value for _, value in checks)


def _check_advisor(rule: Part[RuleForm], draft: Draft, review: Review) -> None:
    advisor, path = rule.form.advisor, (*rule.path, "advisor")

    if advisor is None:
        return

    check_pool_name(advisor.pool, (*path, "pool"), "model", draft, review)

    if rule.form.confidence is None:
        review.add((*path, "below"), "a rule with `confidence`, whose `from` says how sure it is")

    own = rule.form.limits.budget_usd if rule.form.limits else None
    whole = own or (draft.limits.budget_usd if draft.limits else None)

    if whole is not None and advisor.budget_usd > whole:
        review.add((*path, "budget_usd"), f"at most the rule's own budget_usd ({whole:g})")


def _check_cache(rule: Part[RuleForm], draft: Draft, review: Review) -> None:
    """Refuse to keep answers that may hold the facts of one customer."""
    if rule.form.cache is None:
        return

    when, place = rule.form.when or WhenForm(), (*rule.path, "cache")
    specific = {intent.name for intent in draft.intents if intent.form.account_specific}
    named = [intent for intent in when.intent or () if intent in specific]

    if when.intent is None:
        review.add(
            place,
            "a rule with `intent`: without one an answer may hold the facts of one customer",
        )

    if named:
        names = ", ".join(dict.fromkeys(named))
        review.add(place, f"no account-specific intent in the rule; {names} is one")
