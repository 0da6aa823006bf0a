"""A small policy; with so little patience, if asked for, that a test can watch it run out."""

from pathlib import Path

TEXT = """\
name: support
version: 1
owner: tests
description: Every question goes to the cost pool; a customer's tier sets the limits.
changes: First version.
limits:
  deadline_s: 8
  attempt_timeout_s: PATIENCE
  attempts: 4
  budget_usd: 0.05
  max_output_tokens: 300
intents:
  greeting:
    examples: [good morning]
pools:
  cost:
    goal: cost
    strategy: as-listed
    targets: [gpt-5-nano, gemini-2.5-flash-lite, claude-haiku-4.5]
  helpdesk: {kind: desk, goal: stability, targets: [DESKS]}
  crm: {kind: desk, goal: stability, targets: [salesforce]}
rules:
  - id: hasty
    why: The customer waits on the line.
    when: {customer_tier: hasty}
    pool: cost
    limits: {deadline_s: 2, attempt_timeout_s: 1.2}
  - id: poor
    why: Nothing may be spent on this one.
    when: {customer_tier: poor}
    pool: cost
    limits: {budget_usd: 0.000001}
  - id: thrifty
    why: One lost answer may be paid for, not two.
    when: {customer_tier: thrifty}
    pool: cost
    limits: {budget_usd: 0.00013, max_output_tokens: 200}
  - id: once
    why: One try.
    when: {customer_tier: once}
    pool: cost
    limits: {attempts: 1}
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


def write_policy(folder: Path, *, desks: tuple[str, ...], attempt_timeout_s: float) -> None:
    """Write the policy below `policies/` in the folder."""
    place = folder / "policies" / "support"
    place.mkdir(parents=True)
    text = TEXT.replace("DESKS", ", ".join(desks)).replace("PATIENCE", str(attempt_timeout_s))
    (place / "1.yaml").write_text(text, encoding="utf-8")
