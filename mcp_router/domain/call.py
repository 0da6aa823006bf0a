"""One MCP tool call as it entered the router."""

from dataclasses import dataclass

from mcp_router.domain.caller import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The facts about a call that its transport knows; `call_id` names its one record."""

    call_id: str
    tool: str
    caller: Caller
    received_ms: int
    client: str | None = None
    run_id: str | None = None
    idempotency_key: str | None = None
