"""Which rule of a policy a call falls under."""

from collections.abc import Iterable

from mcp_router.domain.policy import Condition, Rule
from mcp_router.domain.signals import Signals


def match_rule(rules: Iterable[Rule], signals: Signals) -> Rule | None:
    """Return the first rule whose condition holds, None if none does."""
    return next((rule for rule in rules if holds(rule.when, signals)), None)


def holds(condition: Condition, signals: Signals) -> bool:
    """Tell whether everything that the condition asks for is so.

    What a caller did not say is none of the listed values. `customer_tiers`, `locales` and
    `channels` are compared without regard to case, because hosts write them as they like; a
    locale covers its regions, so that `de` also means `de-AT`. Names of tools, tenants and
    intents are exact.
    """
    return (
        _wants(condition, signals)  # first, for it tells most rules apart
        and _is_sized(condition, signals)
        and _comes_from(condition, signals)
    )


def _comes_from(condition: Condition, signals: Signals) -> bool:
    """Tell whether the call comes from where the condition asks."""
    return (
        (not condition.tools or signals.tool in condition.tools)
        and (not condition.tenants or signals.tenant in condition.tenants)
        and _named(condition.customer_tiers, signals.customer_tier)
        and _named(condition.channels, signals.channel)
        and _covered(condition.locales, signals.locale)
    )


def _wants(condition: Condition, signals: Signals) -> bool:
    """Tell whether the customer surely enough wants what the condition asks."""
    intent = signals.intent
    return (not condition.intents or intent.name in condition.intents) and (
        condition.min_confidence is None or intent.confidence >= condition.min_confidence
    )


def _is_sized(condition: Condition, signals: Signals) -> bool:
    """Tell whether the request has the size and the tools that the condition asks."""
    least, most = condition.min_prompt_tokens, condition.max_prompt_tokens
    return (
        (least is None or signals.prompt_tokens >= least)
        and (most is None or signals.prompt_tokens <= most)
        and (condition.min_turns is None or signals.turns >= condition.min_turns)
        and (
            condition.tools_offered is None
            or condition.tools_offered == (signals.tools_offered > 0)
        )
    )


def _named(wanted: tuple[str, ...], said: str | None) -> bool:
    """Tell whether what was said is one of the wanted words, in any case."""
    if not wanted:
        return True

    return said is not None and said.casefold() in {one.casefold() for one in wanted}


def _covered(wanted: tuple[str, ...], said: str | None) -> bool:
    """Tell whether the locale is a wanted one or a region of it (RFC 4647, basic filtering)."""
    if not wanted:
        return True

    return said is not None and any(
        f"{_tag(said)}-".startswith(f"{_tag(locale)}-") for locale in wanted
    )


def _tag(locale: str) -> str:
    """Return a language tag in one spelling; systems write `de_AT` as well as `de-AT`."""
    return locale.casefold().replace("_", "-")
