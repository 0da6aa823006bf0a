"""Moved to mcp_router.domain.policy (judges share it, so it is ground); this name goes away."""

from mcp_router.domain.policy import (
    Condition,
    Policy,
    PolicyIntent,
    Pool,
    PoolStrategy,
    PoolTarget,
    Rule,
)

__all__ = ["Condition", "Policy", "PolicyIntent", "Pool", "PoolStrategy", "PoolTarget", "Rule"]
