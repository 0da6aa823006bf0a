"""The facts about a call that a rule may ask for."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The best matching intent of a policy and how sure the match is (0 to 1)."""

    name: str | None = None
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """One call, as a policy sees it; everything a caller did not say has a neutral default."""

    tool: str
    tenant: str
    intent: Intent = field(default_factory=lambda: Intent(confidence=0.0))
    customer_tier: str | None = None
    locale: str | None = None
    channel: str | None = None
    prompt_tokens: int = 0
    tools_offered: int = 0
    turns: int = 0
