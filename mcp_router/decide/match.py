"""Which rule of a policy a call falls under."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from mcp_router.domain.policy import Condition, locale_tag
from mcp_router.domain.signals import Signals

Test: TypeAlias = Callable[[Signals], bool]
"""One thing that a condition asks."""

Tried: TypeAlias = tuple[int, tuple[Test, ...]]
"""A rule's place, and what it asks besides tool and intent."""


class Matcher:
    """The rules of a policy made ready: what a rule does not ask costs a call nothing.

    Tool and intent tell most rules apart, so a call meets only the rules that may be about both.

    What a caller did not say is none of the listed values, and neither above nor below a bound.
    Customer tiers, locales, channels, topics, flags, kinds of personal data and a ticket's words
    are compared without regard to case, because hosts write them as they like; a locale covers
    its regions, so that `de` also means `de-AT`. Names of tools, tenants and intents are exact.
    """

    def __init__(self, asked: Iterable[Condition]) -> None:
        """Read the rules' conditions once; they are tried in the given order."""
        ready = [_Asked(one.tools, one.intents, (at, _tests(one))) for at, one in enumerate(asked)]
        self._intents = frozenset(intent for one in ready for intent in one.intents)
        self._tools = frozenset(tool for one in ready for tool in one.tools)
        self._tried: dict[tuple[str | None, str | None], tuple[Tried, ...]] = {}

        for intent in (*self._intents, None):
            about = [one for one in ready if not one.intents or intent in one.intents]

            for tool in (*self._tools, None):
                self._tried[tool, intent] = tuple(
                    one.tried for one in about if not one.tools or tool in one.tools
                )

    def match(self, signals: Signals) -> int | None:
        """Return the place of the first rule whose condition holds, None if none does."""
        tool = signals.tool if signals.tool in self._tools else None
        name = signals.intent.name

        for at, asked in self._tried[tool, name if name in self._intents else None]:
            for test in asked:
                if not test(signals):
                    break
            else:
                return at

        return None


class _Asked(NamedTuple):
    """A rule as the matcher sorts it in."""

    tools: tuple[str, ...]
    intents: tuple[str, ...]
    tried: Tried


def _tests(asked: Condition) -> tuple[Test, ...]:
    """Return what is asked besides tool and intent, the cheap first; nothing for empty fields."""
    found = (
        *_sized(asked),
        *_measured(asked),
        _exactly(asked.tenants),
        _named(asked.customer_tiers, attrgetter("customer_tier")),
        _named(asked.channels, attrgetter("channel")),
        _named(asked.ticket_statuses, attrgetter("ticket_status")),
        _named(asked.ticket_priorities, attrgetter("ticket_priority")),
        _among(asked.safety_flags, attrgetter("safety_flags")),
        _among(asked.sensitive_topics, attrgetter("sensitive_topics")),
        _among(asked.pii_kinds, attrgetter("pii_kinds")),
        _covered(asked.locales),
    )
    return tuple(test for test in found if test is not None)


def _sized(asked: Condition) -> tuple[Test | None, ...]:
    """Return what is asked of the request's size and tools."""
    offered, required = asked.tools_offered, asked.tools_required
    return (
        _at_least(asked.min_prompt_tokens, attrgetter("prompt_tokens")),
        _at_most(asked.max_prompt_tokens, attrgetter("prompt_tokens")),
        _at_least(asked.min_turns, attrgetter("turns")),
        _at_most(asked.max_turns, attrgetter("turns")),
        None if offered is None else lambda signals: offered == (signals.tools_offered > 0),
        None if required is None else lambda signals: required == signals.tools_required,
    )


def _measured(asked: Condition) -> tuple[Test | None, ...]:
    """Return what is asked of shares, seconds and money."""
    return (
        _at_least(asked.min_confidence, attrgetter("intent.confidence")),
        _at_least(asked.min_retrieval_confidence, attrgetter("retrieval_confidence")),
        _at_most(asked.max_retrieval_confidence, attrgetter("retrieval_confidence")),
        _at_least(asked.min_complexity, attrgetter("complexity")),
        _at_most(asked.max_complexity, attrgetter("complexity")),
        _at_least(asked.min_cache_similarity, attrgetter("cache_similarity")),
        _at_least(asked.min_deadline_s, attrgetter("deadline_s")),
        _at_most(asked.max_deadline_s, attrgetter("deadline_s")),
        _at_least(asked.min_ticket_spend_microusd, attrgetter("ticket_spend_microusd")),
    )


def _exactly(tenants: tuple[str, ...]) -> Test | None:
    """Return the test for one of the tenants."""
    return (lambda signals: signals.tenant in tenants) if tenants else None


def _named(wanted: tuple[str, ...], read: Callable[[Signals], str | None]) -> Test | None:
    """Return the test for one of the wanted words, in any case."""
    if not wanted:
        return None

    words = frozenset(one.casefold() for one in wanted)

    def test(signals: Signals) -> bool:
        said = read(signals)
        return said is not None and said.casefold() in words

    return test


def _among(wanted: tuple[str, ...], read: Callable[[Signals], tuple[str, ...]]) -> Test | None:
    """Return the test for any of the wanted words among those of the call, in any case."""
    if not wanted:
        return None

    words = frozenset(one.casefold() for one in wanted)
    return lambda signals: any(one.casefold() in words for one in read(signals))


def _at_least(least: float | None, read: Callable[[Signals], float | None]) -> Test | None:
    """Return the test for a number from the bound on; what nobody knows is not."""
    if least is None:
        return None

    def test(signals: Signals) -> bool:
        found = read(signals)
        return found is not None and found >= least

    return test


def _at_most(most: float | None, read: Callable[[Signals], float | None]) -> Test | None:
    """Return the test for a number up to the bound; what nobody knows is not."""
    if most is None:
        return None

    def test(signals: Signals) -> bool:
        found = read(signals)
        return found is not None and found <= most

    return test


def _covered(wanted: tuple[str, ...]) -> Test | None:
    """Return the test for a wanted locale or a region of it."""
    if not wanted:
        return None

    tags = tuple(map(locale_tag, wanted))
    return lambda signals: (
        signals.locale is not None and locale_tag(signals.locale).startswith(tags)
    )
