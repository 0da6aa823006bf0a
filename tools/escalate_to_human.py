"""escalate_to_human: hand a ticket to a person, in one step."""

from pydantic import Field

from mcp_router.domain.action import Strategy
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.effect import Effect
from mcp_router.domain.ticket import Priority, Status, Visibility
from mcp_router.domain.write import NewComment, UpdateTicket
from mcp_router.services import Services
from mcp_router.tools.tool import Id, Label, Text, Tool
from mcp_router.tools.writing import KEY_NOTE, WriteArguments, WriteResult, perform

TAG = "copilot_escalated"


class EscalateArguments(WriteArguments):
    """Why a person is needed, and what that person should know."""

    effect = Effect.NON_IDEMPOTENT_WRITE

    ticket_id: Id = Field(description="The ticket to hand over.")
    reason: Label = Field(description="Why a person is needed, in a few words.")
    summary: Text = Field(description="What was asked, what was tried, what is open.")
    group_id: Id | None = Field(default=None, description="The group that takes over.")
    priority: Priority | None = Field(default=None, description="How urgent it is from now on.")


async def run(services: Services, call: Call, arguments: EscalateArguments) -> WriteResult:
    """Write the note, the assignment and the tag as one update, so that none goes missing."""
    note = f"Handed over by the copilot: {arguments.reason}\n\n{arguments.summary}"
    write = UpdateTicket(
        ticket_id=arguments.ticket_id,
        comment=NewComment(body=note, visibility=Visibility.INTERNAL),
        status=Status.OPEN,
        priority=arguments.priority,
        group_id=arguments.group_id,
        add_tags=(TAG,),
    )
    wish = arguments.wish(write, object_id=arguments.ticket_id)
    return await perform(services, call, wish)


TOOL = Tool(
    name="escalate_to_human",
    title="Hand over to a person",
    description=(
        "Give a ticket to a person: one update with an internal note, the tag "
        f"{TAG}, an open status and, if named, a group. Use it when you are not sure or not "
        "allowed; do not also add a note. " + KEY_NOTE
    ),
    arguments=EscalateArguments,
    result=WriteResult,
    run=run,
    effect=EscalateArguments.effect,
    scope=Scope.WRITE,
    strategies={"zendesk": Strategy.CAS_MARKER},
)
