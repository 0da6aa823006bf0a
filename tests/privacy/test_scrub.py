"""A record is kept without a host's personal words, and kept whatever those words do."""

from dataclasses import replace

import pytest

from mcp_router.domain.privacy import Finding
from mcp_router.domain.record import Record
from mcp_router.privacy.keys import Digester
from mcp_router.privacy.scrub import WITHHELD, scrubbed
from mcp_router.signals.detector import BuiltinDetector

DIGESTER = Digester(bytes(32))
CANARY = "canary 4929"
SERVED = Record(
    decision_id="dec_1",
    at_ms=1,
    tenant="eu",
    principal="bot",
    transport="http",
    tool="route_completion",
    outcome="ok",
    latency_ms=5,
    run_id=f"run of {CANARY}",
    ticket_id="7",
)


class Failing:
    """The router's own detector, which fails on one word as a foreign number once made it."""

    def find(self, text: str) -> tuple[Finding, ...]:
        if CANARY in text:
            raise ValueError(f"invalid literal: {text}")

        return BuiltinDetector().find(text)


def test_words_that_cannot_be_looked_through_are_withheld_and_the_record_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = scrubbed(SERVED, Failing(), DIGESTER)

    assert kept == replace(SERVED, run_id=WITHHELD)
    assert "words of a record are withheld: ValueError at " in caplog.text
    assert CANARY not in caplog.text


def test_a_record_without_personal_words_is_the_same_record() -> None:
    assert scrubbed(SERVED, BuiltinDetector(), DIGESTER) is SERVED
