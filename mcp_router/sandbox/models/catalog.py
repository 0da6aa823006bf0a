"""The models that the embedded servers offer, named as their providers name them."""

from dataclasses import dataclass
from enum import StrEnum

from mcp_router.settings import ProviderKind


class Tier(StrEnum):
    """How much a model has to say."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxModel:
    """`name` is ours (used in policies), `model` the provider's; it answers as `served_as`."""

    name: str
    model: str
    served_as: str
    title: str
    kind: ProviderKind
    family: str
    tier: Tier


def _claude(name: str, model: str, day: str, tier: Tier) -> SandboxModel:
    return SandboxModel(
        name=name,
        model=model,
        served_as=f"{model}-{day}",
        title=name.replace("-", " ").title(),
        kind=ProviderKind.ANTHROPIC,
        family="claude",
        tier=tier,
    )


def _gpt(name: str, day: str, tier: Tier) -> SandboxModel:
    return SandboxModel(
        name=name,
        model=name,
        served_as=f"{name}-{day}",
        title=name.replace("gpt", "GPT"),
        kind=ProviderKind.OPENAI,
        family="gpt",
        tier=tier,
    )


def _gemini(name: str, tier: Tier) -> SandboxModel:
    return SandboxModel(
        name=name,
        model=name,
        served_as=name,
        title=name.replace("-", " ").title(),
        kind=ProviderKind.GEMINI,
        family="gemini",
        tier=tier,
    )


CATALOG = (
    _claude("claude-haiku-4.5", "claude-haiku-4-5", "20251001", Tier.SMALL),
    _claude("claude-sonnet-4.5", "claude-sonnet-4-5", "20250929", Tier.MEDIUM),
    _claude("claude-opus-4.5", "claude-opus-4-5", "20251101", Tier.LARGE),
    _gpt("gpt-5-nano", "2025-08-07", Tier.SMALL),
    _gpt("gpt-5-mini", "2025-08-07", Tier.MEDIUM),
    _gpt("gpt-5.1", "2025-11-13", Tier.LARGE),
    _gemini("gemini-2.5-flash-lite", Tier.SMALL),
    _gemini("gemini-2.5-flash", Tier.MEDIUM),
    _gemini("gemini-2.5-pro", Tier.LARGE),
)
"""Three sizes of three families, smallest first."""


def find_model(kind: ProviderKind, model: str) -> SandboxModel | None:
    """Return the model that a provider of `kind` knows as `model`, with or without its date."""
    for known in CATALOG:
        if known.kind is kind and model in (known.model, known.served_as):
            return known

    return None
