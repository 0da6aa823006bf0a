"""What a tool receives: the walks and the keepers it may ask, wired once by `app.py`."""

from dataclasses import dataclass

from mcp_router.actions import Actions
from mcp_router.audit.log import DecisionLog
from mcp_router.learning.estimates import Estimates
from mcp_router.ledger.ledger import Ledger
from mcp_router.lookups import Lookups
from mcp_router.router import Router


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The frozen bundle."""

    router: Router
    lookups: Lookups
    actions: Actions
    ledger: Ledger
    log: DecisionLog
    estimates: Estimates
