"""`ledger:` in router.yaml: its defaults, its limits, and how a mistake in it is told."""

from pathlib import Path

import pytest

from mcp_router.errors import InvalidSettings
from mcp_router.ledger.ledger import LEASE_S
from mcp_router.ledger_settings import LedgerSettings
from mcp_router.settings import parse_settings


def parsed(text: str, tmp_path: Path) -> LedgerSettings:
    return parse_settings(text, file=str(tmp_path / "router.yaml"), environ={}).ledger


@pytest.mark.parametrize("text", ["policy: support", "ledger:", "ledger: {}"])
def test_without_it_every_time_has_its_default(text: str, tmp_path: Path) -> None:
    assert parsed(text, tmp_path) == LedgerSettings(
        lease_s=30.0, reconcile_every_s=5.0, retention_days=30.0
    )
    assert LedgerSettings().lease_s == LEASE_S


def test_what_it_names_is_taken_and_the_rest_stays(tmp_path: Path) -> None:
    assert parsed("ledger: {lease_s: 12, reconcile_every_s: 0.5}", tmp_path) == LedgerSettings(
        lease_s=12.0, reconcile_every_s=0.5, retention_days=30.0
    )
    assert parsed("ledger:\n  retention_days: 90", tmp_path) == LedgerSettings(retention_days=90.0)


@pytest.mark.parametrize(
    "written",
    [
        "lease_s: 1, reconcile_every_s: 0.05, retention_days: 1",
        "lease_s: 3600, reconcile_every_s: 3600, retention_days: 3650",
    ],
)
def test_its_limits_are_within_it(written: str, tmp_path: Path) -> None:
    parsed(f"ledger: {{{written}}}", tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ledger: 30", "1:9: ledger: expected keys and values"),
        ("ledger: [30]", "1:9: ledger: expected keys and values"),
        (
            "ledger: {lease: 30}",
            "1:10: ledger: expected a known key; did you mean `lease_s`?",
        ),
        ("ledger:\n  lease_s: 0.5", "2:12: ledger.lease_s: expected a number of at least 1"),
        ("ledger:\n  lease_s: 3601", "2:12: ledger.lease_s: expected a number of at most 3600"),
        ("ledger:\n  lease_s: soon", "2:12: ledger.lease_s: expected a number"),
        ("ledger:\n  lease_s: '30'", "2:12: ledger.lease_s: expected a number"),
        ("ledger:\n  lease_s: true", "2:12: ledger.lease_s: expected a number"),
        ("ledger:\n  lease_s:", "2:11: ledger.lease_s: expected a number"),
        ("ledger:\n  lease_s: .nan", "2:12: ledger.lease_s: expected a number"),
        ("ledger:\n  lease_s: .inf", "2:12: ledger.lease_s: expected a number"),
        (
            "ledger: {reconcile_every_s: 0}",
            "1:29: ledger.reconcile_every_s: expected a number of at least 0.05",
        ),
        (
            "ledger: {reconcile_every_s: 86400}",
            "1:29: ledger.reconcile_every_s: expected a number of at most 3600",
        ),
        (
            "ledger: {retention_days: 0}",
            "1:26: ledger.retention_days: expected a number of at least 1",
        ),
        (
            "ledger: {retention_days: 9999}",
            "1:26: ledger.retention_days: expected a number of at most 3650",
        ),
    ],
)
def test_a_mistake_is_told_with_line_and_column(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parsed(text, tmp_path)

    assert caught.value.message == f"{tmp_path}/router.yaml:{expected}"


def test_two_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parsed("ledger: {lease_s: 0, retention_days: x}", tmp_path)

    assert len(caught.value.message.splitlines()) == 2
