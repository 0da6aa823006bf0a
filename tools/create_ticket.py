"""create_ticket: open a ticket at the help desk, once."""

from typing import Annotated

from pydantic import Field

from mcp_router.domain.action import Strategy
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.effect import Effect
from mcp_router.domain.ticket import Priority, TicketType
from mcp_router.domain.write import CreateTicket
from mcp_router.services import Services
from mcp_router.tools.tool import Label, Text, Tool
from mcp_router.tools.writing import KEY_NOTE, WriteArguments, WriteResult, perform


class CreateTicketArguments(WriteArguments):
    """What a new ticket says."""

    effect = Effect.NON_IDEMPOTENT_WRITE

    subject: Label = Field(description="One line that says what it is about.")
    body: Text = Field(description="The first message, which the requester can read.")
    requester_email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = (
        Field(default=None, description="Who asks; found or created by this address.")
    )
    requester_name: Label | None = Field(
        default=None, description="Their name, if they are new to the desk."
    )
    priority: Priority | None = Field(default=None, description="How urgent it is.")
    type: TicketType | None = Field(default=None, description="What kind of request it is.")
    tags: list[Label] = Field(
        default_factory=list, max_length=50, description="Tags for the new ticket."
    )


async def run(services: Services, call: Call, arguments: CreateTicketArguments) -> WriteResult:
    """Open the ticket."""
    write = CreateTicket(
        subject=arguments.subject,
        body=arguments.body,
        requester_email=arguments.requester_email,
        requester_name=arguments.requester_name,
        priority=arguments.priority,
        type=arguments.type,
        tags=tuple(arguments.tags),
    )
    wish = arguments.wish(write, object_id=None)
    return await perform(services, call, wish)


TOOL = Tool(
    name="create_ticket",
    title="Create a ticket",
    description=(
        "Open a new ticket at the help desk; its body is public to the requester. Do not use it "
        "to answer an existing ticket (reply_to_ticket) or to change one (update_ticket). "
        + KEY_NOTE
    ),
    arguments=CreateTicketArguments,
    result=WriteResult,
    run=run,
    effect=CreateTicketArguments.effect,
    scope=Scope.WRITE,
    strategies={"zendesk": Strategy.NATIVE_KEY},
)
