"""Where one world's router lives on disk: its folder, its settings, its policy."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.torture.desks import Desks

LEASE_S = 1.2
RECONCILE_EVERY_S = 0.4
ATTEMPT_S = 0.8
DEADLINE_S = 3.0
BUSY_TIMEOUT_MS = 200

_POLICY = """\
name: support
version: 1
owner: torture
description: The desks, with as little patience as a proof needs.
changes: First version.
limits:
  deadline_s: DEADLINE
  attempt_timeout_s: ATTEMPT
  attempts: 3
  budget_usd: 0.05
  max_output_tokens: 300
intents:
  greeting:
    examples: [good morning]
pools:
  cost: {goal: cost, strategy: as-listed, targets: [none-configured]}
  helpdesk: {kind: desk, goal: stability, targets: [zendesk]}
  crm: {kind: desk, goal: stability, targets: [salesforce]}
rules:
  - id: rest
    why: Everything else.
    pool: cost
tools:
  lookup_ticket: {pool: helpdesk}
  search_tickets: {pool: helpdesk}
  create_ticket: {pool: helpdesk}
  reply_to_ticket: {pool: helpdesk}
  add_internal_note: {pool: helpdesk}
  update_ticket: {pool: helpdesk}
  escalate_to_human: {pool: helpdesk}
  find_customer: {pool: crm, fallback: [helpdesk]}
  sync_ticket_to_crm: {pool: crm}
  sync_crm_to_ticket: {pool: helpdesk}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder and the storage URL that its router.yaml names."""

    folder: Path
    storage: str

    @property
    def settings(self) -> Path:
        """Return the router.yaml."""
        return self.folder / "router.yaml"

    @property
    def errors(self) -> Path:
        """Return the file that gathers what the servers say on standard error."""
        return self.folder / "stderr"


def write_settings(place: Place, desks: Desks, *, patience: int = 1) -> None:
    """Write router.yaml and the policy that it names, with so many times the usual patience."""
    policy = place.folder / "policies" / "support"
    policy.mkdir(parents=True)
    text = _POLICY.replace("DEADLINE", str(DEADLINE_S * patience))
    text = text.replace("ATTEMPT", str(ATTEMPT_S * patience))
    (policy / "1.yaml").write_text(text, encoding="utf-8")
    document = {
        "storage": place.storage,
        "policy": "support",
        "policies": "policies",
        "desks": desks.settings(),
        "ledger": {"lease_s": LEASE_S, "reconcile_every_s": RECONCILE_EVERY_S},
    }
    place.settings.write_text(yaml.safe_dump(document), encoding="utf-8")
