"""One MCP tool call as it entered the router."""

from dataclasses import dataclass

from mcp_router.domain.caller import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The facts about a call that its transport knows; `call_id` names its one record.

    `host_call_id` is the host's own name for this step of the run, which it promises to repeat
    when it repeats the call.
    """

    call_id: str
    tool: str
    caller: Caller
    received_ms: int
    client: str | None = None
    run_id: str | None = None
    host_call_id: str | None = None
    idempotency_key: str | None = None
