"""What a run has already done, as a fact for the next model of that run."""

from dataclasses import replace

from mcp_router.domain.action import Action, ActionState
from mcp_router.domain.call import Call
from mcp_router.domain.completion import CompletionRequest, Message, Role
from mcp_router.domain.decision import ChainLimits
from mcp_router.ledger.ledger import Ledger


async def with_facts(
    ledger: Ledger, call: Call, request: CompletionRequest, limits: ChainLimits
) -> CompletionRequest:
    """Return the request within the rule's length, told what this run has already done.

    A model that takes over after another one must know which actions exist: it cannot do
    them again, and should not promise them again.
    """
    length = min(request.max_output_tokens, limits.max_output_tokens)
    request = replace(request, max_output_tokens=length)

    if call.run_id is None:
        return request

    done = await ledger.of_run(call.caller.tenant, call.run_id)
    lines = [line for action in done if (line := _fact(action))]

    if not lines:
        return request

    text = "Already done in this run, never to be repeated:\n" + "\n".join(lines)
    return replace(request, messages=(Message(role=Role.SYSTEM, content=text), *request.messages))


def _fact(action: Action) -> str | None:
    """Tell a model what one action did, or that nobody knows; nothing is told of failed ones."""
    what = f"- {action.tool} at {action.target}"
    where = f" on {action.object_id}" if action.object_id else ""

    if action.state is ActionState.SUCCEEDED and action.ref is not None:
        return f"{what}{where}: done, see {action.ref.id}"

    if action.state in (ActionState.UNKNOWN, ActionState.NEEDS_HUMAN, ActionState.SENDING):
        return f"{what}{where}: sent, outcome not known yet"

    return None
