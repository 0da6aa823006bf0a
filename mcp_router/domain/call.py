"""One MCP tool call as it entered the router."""

from dataclasses import dataclass, field

from mcp_router.domain.caller import Caller
from mcp_router.domain.completion import Emit
from mcp_router.domain.trace import TraceContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The facts about a call that its transport knows; `call_id` names its one record.

    `host_call_id` is the host's own name for this step of the run, which it promises to repeat
    when it repeats the call. `emit` hands text to the host while the call is still at work; it is
    None where the host did not ask to be told, and it never fails.
    """

    call_id: str
    tool: str
    caller: Caller
    received_ms: int
    client: str | None = None
    run_id: str | None = None
    host_call_id: str | None = None
    idempotency_key: str | None = None
    trace: TraceContext | None = None
    emit: Emit | None = field(default=None, compare=False, repr=False)

    @property
    def trace_id(self) -> str | None:
        """Return the id of the call's trace; None where it has none."""
        return self.trace.trace_id if self.trace else None

    @property
    def parent_span_id(self) -> str | None:
        """Return the id of the host's span that the call was made in, where it told one."""
        return self.trace.parent_span_id if self.trace else None
