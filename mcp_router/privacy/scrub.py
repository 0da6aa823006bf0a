"""A record without personal data in what a host calls things: runs, tickets, tiers, channels.

What is found becomes its kind and a short keyed digest, so that the same value can still be counted
and grouped, and nobody can tell what it was. Words that cannot be looked through are withheld: the
call has been served, so its record must be kept.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from mcp_router.domain.budget import Balance, SpendView
from mcp_router.domain.record import Record
from mcp_router.domain.signals import Signals
from mcp_router.privacy.keys import Digester
from mcp_router.signals.detector import Detector
from mcp_router.telemetry.logs import without_words

_logger = logging.getLogger(__name__)

WITHHELD = "[WITHHELD]"
"""Stands in a record for words that could not be made clean."""

_SHOWN = 12  # hexadecimal digits: two of a million values meet once in 500 logs


def scrubbed(record: Record, detector: Detector, digester: Digester) -> Record:
    """Return the record, the same one where nothing is found."""
    clean = partial(cleaned, detector=detector, digester=digester)
    decision = record.decision

    if decision is not None:
        signals = _signals(decision.signals, clean)
        spend = SpendView(balances=_balances(decision.spend.balances, clean))
        decision = replace(decision, signals=signals, spend=spend)

    found = replace(
        record,
        run_id=_maybe(record.run_id, clean),
        ticket_id=_maybe(record.ticket_id, clean),
        client=_maybe(record.client, clean),
        customer_id=_maybe(record.customer_id, clean),
        budgets=_balances(record.budgets, clean),
        decision=decision,
    )
    return record if found == record else found


def _signals(signals: Signals, clean: Callable[[str], str]) -> Signals:
    """Return the signals with what the host told in its own words made clean."""
    return replace(
        signals,
        customer_tier=_maybe(signals.customer_tier, clean),
        locale=_maybe(signals.locale, clean),
        channel=_maybe(signals.channel, clean),
        safety_flags=tuple(map(clean, signals.safety_flags)),
        sensitive_topics=tuple(map(clean, signals.sensitive_topics)),
        pii_kinds=tuple(map(clean, signals.pii_kinds)),
        ticket_status=_maybe(signals.ticket_status, clean),
        ticket_priority=_maybe(signals.ticket_priority, clean),
    )


def _balances(balances: tuple[Balance, ...], clean: Callable[[str], str]) -> tuple[Balance, ...]:
    """Return the balances with the names of their accounts made clean."""
    return tuple(
        replace(one, account=replace(one.account, key=clean(one.account.key))) for one in balances
    )


def _maybe(words: str | None, clean: Callable[[str], str]) -> str | None:
    return None if words is None else clean(words)


def cleaned(words: str, detector: Detector, digester: Digester) -> str:
    """Return the words with a keyed digest in place of what is found in them.

    Words that `detector` fails on are `WITHHELD`, which the log of the process says.

    >>> from mcp_router.signals.detector import BuiltinDetector
    >>> cleaned("run of anna@example.com", BuiltinDetector(), Digester(bytes(32)))
    'run of [EMAIL:7477659805bf]'
    """
    try:
        return _cleaned(words, detector, digester)
    except Exception as error:  # noqa: BLE001 - whatever it is, the record is kept
        _logger.error("words of a record are withheld: %s", without_words(error))
        return WITHHELD


def _cleaned(words: str, detector: Detector, digester: Digester) -> str:
    """Return the words without what is found in them."""
    pieces: list[str] = []
    at = 0

    for one in detector.find(words):
        digest = digester.value(words[one.start : one.end])[:_SHOWN]
        pieces += [words[at : one.start], f"[{one.kind.upper()}:{digest}]"]
        at = one.end

    return "".join([*pieces, words[at:]]) if pieces else words
