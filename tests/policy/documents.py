"""One small right document, and what the checks say when a piece of it is changed."""

from mcp_router.policy.source import examine

VALID = """\
name: shop
version: 2
owner: support
description: A small shop.
changes: Returns go to the cheap pool.
limits:
  deadline_s: 30
  attempt_timeout_s: 10
  attempts: 4
  budget_usd: 0.05
  max_output_tokens: 600
intents:
  returns:
    examples: [can I return this, how do I send it back]
  dispute:
    examples: [I want my money back]
pools:
  cheap:
    goal: cost
    strategy: cost-optimized
    targets: [nano, {target: haiku, quality: 0.7}]
  strong:
    goal: quality
    strategy: quality-first
    targets: [{target: opus, quality: 0.95}]
  helpdesk: {kind: desk, goal: stability, targets: [zendesk]}
  crm: {kind: desk, goal: stability, strategy: as-listed, targets: [salesforce]}
rules:
  - id: disputes
    why: Money is at stake.
    when: {intent: dispute}
    pool: strong
    limits: {budget_usd: 0.2, deadline_s: 60, attempt_timeout_s: 20}
  - id: returns
    why: The answer is a known rule.
    when: {intent: [returns], confidence_at_least: 0.6, prompt_tokens_at_most: 4000}
    pool: cheap
    fallback: [strong]
  - id: rest
    why: Everything else.
    pool: strong
tools:
  lookup_ticket: {pool: helpdesk}
  find_customer: {pool: crm, fallback: [helpdesk], limits: {attempts: 2}}
  create_ticket: {pool: helpdesk}
"""


def changed(old: str, new: str) -> str:
    """Return the document with the one place of `old` changed to `new`."""
    assert VALID.count(old) == 1, f"{old!r} stands {VALID.count(old)} times"
    return VALID.replace(old, new)


def problems(text: str) -> list[str]:
    """Return what is wrong with a document, a line each, without the file's name."""
    found = examine(text.encode(), file="2.yaml", name="shop", version=2).problems
    return [str(problem).removeprefix("2.yaml:") for problem in found]
