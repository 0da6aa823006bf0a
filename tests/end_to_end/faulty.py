"""A router with a fault of its own, whose message quotes what a customer wrote."""

from dataclasses import replace

from mcp_router.app import App
from mcp_router.audit.log import DecisionLog
from mcp_router.domain.call import Call
from mcp_router.router import Completed, Order, Router

CANARY = "canary 4929"


class _Faulty(Router):
    """Fails at every call, as a check of a foreign number once did."""

    def __init__(self, log: DecisionLog) -> None:
        """Leave records in `log`."""
        self._records = log

    async def complete(self, call: Call, order: Order) -> Completed:
        async with self._records.record(call):
            raise ValueError(f"invalid literal: {order.request.messages[-1].content}")


def faulty(app: App) -> App:
    """Return the app with such a router."""
    return replace(app, services=replace(app.services, router=_Faulty(app.services.log)))
