"""What a call can be sent to."""

from dataclasses import dataclass
from enum import StrEnum

from mcp_router.domain.health import UNKNOWN_HEALTH, TargetHealth
from mcp_router.domain.learning import Estimate

MILLION = 1_000_000


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
    """A model at a provider: `name` is ours (used in policies), `model` is the provider's.

    `residency` is where its provider keeps what it is sent (a region such as `eu`), for
    `retention_days` at most; None says that nobody knows. `capabilities` are words such as
    `tools` or `json`; None says all of them.
    """

    name: str
    provider: str
    model: str
    family: str
    context_tokens: int | None = None
    price: Price | None = None
    residency: str | None = None
    retention_days: int | None = None
    capabilities: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """What a decision may know of one configured target at that moment.

    `price` is that of a call with this prompt's length; a model without one is not free, nobody
    knows what it costs. A desk costs nothing.
    """

    name: str
    kind: TargetKind
    provider: str
    family: str
    price: Price | None = None
    context_tokens: int | None = None
    residency: str | None = None
    retention_days: int | None = None
    capabilities: tuple[str, ...] | None = None
    health: TargetHealth = UNKNOWN_HEALTH
    estimate: Estimate | None = None  # of the call's intent, where the policy learns

    def cost_microusd(self, *, prompt_tokens: int, answer_tokens: int) -> int | None:
        """Return the cost of such a call, rounded up; None where nobody knows the price."""
        if self.kind is TargetKind.DESK:
            return 0

        if self.price is None:
            return None

        total = self.price.input * prompt_tokens + self.price.output * answer_tokens
        return -(-total // MILLION)
