"""What router.yaml has to send calls to, as far as a policy's author must know it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcp_router.domain.target import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The models, each with its price where somebody knows it, and the desks.

    Where there are no models at all, or no desks, nothing is said about their names.
    """

    models: Mapping[str, Price | None] = field(default_factory=dict)
    desks: frozenset[str] = frozenset()
