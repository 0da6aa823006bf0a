"""A router with a fault of its own, whose message quotes what a customer wrote."""

from mcp_router.domain.call import Call
from mcp_router.router import Completed, Order, Router

CANARY = "canary 4929"


class Faulty(Router):
    """Fails at every call, as a check of a foreign number once did."""

    def __init__(self) -> None:
        """Have nothing to work with."""

    async def complete(self, call: Call, order: Order) -> Completed:
        raise ValueError(f"invalid literal: {order.request.messages[-1].content}")


FAULTY = Faulty()
