"""get_action: what became of a write?"""

from pydantic import Field

from mcp_router.domain.action import ActionState, Strategy
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.effect import Effect
from mcp_router.services import Services
from mcp_router.tools.tool import Arguments, CallResult, Id, Tool
from mcp_router.tools.writing import RefResult, ref_result

_NEXT = {
    ActionState.RESERVED: "It was never sent: repeat the call with its idempotency_key.",
    ActionState.SENDING: "It is being sent: ask again in a few seconds.",
    ActionState.UNKNOWN: (
        "It may have been done, and the desk is asked about it in the background: ask again in a "
        "few seconds, or repeat the call with its idempotency_key to have it asked now."
    ),
    ActionState.NEEDS_HUMAN: "A person decides about it.",
    ActionState.SUCCEEDED: "Nothing: it is done.",
    ActionState.EXPIRED: "It was decided long ago; look at the desk for what it made.",
    ActionState.FAILED: "It was never done: correct the call and use a new idempotency_key.",
}


class GetActionArguments(Arguments):
    """Which action."""

    action_id: Id = Field(description="The action_id of a write's result.")


class GetActionResult(CallResult):
    """One action of the ledger, as far as it is decided."""

    action_id: str = Field(description="The action that was asked for.")
    state: ActionState = Field(description="Where it stands.")
    tool: str = Field(description="The tool that wrote.")
    target: str = Field(description="The desk that it wrote to.")
    idempotency_key: str = Field(description="Its key.")
    strategy: Strategy = Field(description="How the desk lets the write be repeated safely.")
    attempts: int = Field(description="How often it was sent.")
    ref: RefResult | None = Field(description="What it made or changed.")
    code: str | None = Field(description="Why it was not done, if it was not.")
    decided_by: str | None = Field(description="The person who decided, and why.")
    created_ms: int = Field(description="When it was reserved, in epoch milliseconds.")
    updated_ms: int = Field(description="When it last moved.")
    next: str = Field(description="What to do now.")


async def run(services: Services, call: Call, arguments: GetActionArguments) -> GetActionResult:
    """Read the action from the ledger."""
    async with services.log.record(call, may_owe=True) as draft:
        action = await services.ledger.get(call.caller.tenant, arguments.action_id)
        draft.acted(action)
        return GetActionResult(
            decision_id=call.call_id,
            action_id=action.action_id,
            state=action.state,
            tool=action.tool,
            target=action.target,
            idempotency_key=action.key,
            strategy=action.strategy,
            attempts=action.attempts,
            ref=ref_result(action),
            code=action.error_code,
            decided_by=action.decided_by,
            created_ms=action.created_ms,
            updated_ms=action.updated_ms,
            next=_NEXT[action.state],
        )


TOOL = Tool(
    name="get_action",
    title="Get an action",
    description=(
        "Say what became of a write, by the action_id of its result: use it after a timeout or "
        "an outcome_unknown, instead of writing again. It reads the ledger and changes nothing."
    ),
    arguments=GetActionArguments,
    result=GetActionResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.READ,
    idempotent=True,
    open_world=False,
)
