"""update_ticket: change a ticket's fields and tags."""

from typing import Self

from pydantic import Field, model_validator

from mcp_router.domain.action import Strategy
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.effect import Effect
from mcp_router.domain.ticket import Priority, Status, TicketType
from mcp_router.domain.write import UpdateTicket
from mcp_router.services import Services
from mcp_router.tools.tool import Id, Label, Tool
from mcp_router.tools.writing import KEY_NOTE, WriteArguments, WriteResult, perform


class UpdateTicketArguments(WriteArguments):
    """What to change; what is not named stays as it is."""

    effect = Effect.IDEMPOTENT_WRITE

    ticket_id: Id = Field(description="The ticket to change.")
    status: Status | None = Field(default=None, description="Where it stands from now on.")
    priority: Priority | None = Field(default=None, description="How urgent it is from now on.")
    type: TicketType | None = Field(default=None, description="What kind of request it is.")
    assignee_id: Id | None = Field(default=None, description="The agent who takes it.")
    group_id: Id | None = Field(default=None, description="The group that takes it.")
    add_tags: list[Label] = Field(
        default_factory=list, max_length=50, description="Tags to add; others stay."
    )
    remove_tags: list[Label] = Field(
        default_factory=list, max_length=50, description="Tags to remove; others stay."
    )

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        """Refuse an update that names no change."""
        fields = (self.status, self.priority, self.type, self.assignee_id, self.group_id)

        if not any(fields) and not self.add_tags and not self.remove_tags:
            raise ValueError("name at least one field to change")

        return self


async def run(services: Services, call: Call, arguments: UpdateTicketArguments) -> WriteResult:
    """Change the ticket in one step."""
    write = UpdateTicket(
        ticket_id=arguments.ticket_id,
        status=arguments.status,
        priority=arguments.priority,
        type=arguments.type,
        assignee_id=arguments.assignee_id,
        group_id=arguments.group_id,
        add_tags=tuple(arguments.add_tags),
        remove_tags=tuple(arguments.remove_tags),
    )
    wish = arguments.wish(write, object_id=arguments.ticket_id)
    return await perform(services, call, wish)


TOOL = Tool(
    name="update_ticket",
    title="Update a ticket",
    description=(
        "Set a ticket's status, priority, type or assignment, and add or remove tags; tags that "
        "are not named stay. Do not use it to say something (reply_to_ticket, add_internal_note). "
        + KEY_NOTE
    ),
    arguments=UpdateTicketArguments,
    result=WriteResult,
    run=run,
    effect=UpdateTicketArguments.effect,
    scope=Scope.WRITE,
    strategies={"zendesk": Strategy.CAS_MARKER},
    destructive=True,
    idempotent=True,
)
