"""`ledger:` in router.yaml: how long a lease, how often a look, how long an answer is kept."""

from dataclasses import dataclass

from pydantic import Field

from mcp_router.review import Form, Review


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """Times of the ledger, each with a default that fits most installations.

    A process that is not heard of for `lease_s` loses its actions to another one; it says so
    three times as often. Undecided actions are looked at every `reconcile_every_s`. The answer of
    a decided one is kept for `retention_days`, an undecided one for ever.
    """

    lease_s: float = 30.0
    reconcile_every_s: float = 5.0
    retention_days: float = 30.0


class _LedgerForm(Form):
    lease_s: float = Field(default=30.0, ge=1, le=3600)
    reconcile_every_s: float = Field(default=5.0, ge=0.05, le=3600)
    retention_days: float = Field(default=30.0, ge=1, le=3650)


def read_ledger(review: Review) -> LedgerSettings:
    """Return the section's settings; what it does not name has its default."""
    if review.document.at(("ledger",)) is None:
        return LedgerSettings()

    form = review.read(_LedgerForm, ("ledger",)) or _LedgerForm()
    return LedgerSettings(
        lease_s=form.lease_s,
        reconcile_every_s=form.reconcile_every_s,
        retention_days=form.retention_days,
    )
