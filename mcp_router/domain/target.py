"""What a call can be sent to."""

from dataclasses import dataclass
from enum import StrEnum


class TargetKind(StrEnum):
    """The two families of targets."""

    MODEL = "model"
    DESK = "desk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """List price in micro-dollars per million tokens."""

    input: int
    output: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTarget:
    """A model at a provider: `name` is ours (used in policies), `model` is the provider's."""

    name: str
    provider: str
    model: str
    family: str
    context_tokens: int | None = None
    price: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """What a decision may know of one configured target, priced for the call at hand.

    `estimated_microusd` is None where nobody knows the price; a desk costs nothing.
    """

    name: str
    kind: TargetKind
    provider: str
    family: str
    estimated_microusd: int | None = 0
    context_tokens: int | None = None
