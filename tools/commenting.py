"""What the two commenting tools share: the same comment, seen by different people."""

from pydantic import Field

from mcp_router.domain.call import Call
from mcp_router.domain.effect import Effect
from mcp_router.domain.ticket import Status, Visibility
from mcp_router.domain.write import NewComment, UpdateTicket
from mcp_router.services import Services
from mcp_router.tools.tool import Id, Text
from mcp_router.tools.writing import WriteArguments, WriteResult, perform


class CommentArguments(WriteArguments):
    """What to say on which ticket."""

    effect = Effect.NON_IDEMPOTENT_WRITE

    ticket_id: Id = Field(description="The ticket to comment on.")
    body: Text = Field(description="What to say.")
    status: Status | None = Field(default=None, description="Set the ticket's status as well.")


class CommentResult(WriteResult):
    """What became of a comment, and who can read it."""

    visibility: Visibility = Field(description="Who can read the comment.")


async def comment(
    services: Services, call: Call, arguments: CommentArguments, visibility: Visibility
) -> CommentResult:
    """Add the comment."""
    write = UpdateTicket(
        ticket_id=arguments.ticket_id,
        comment=NewComment(body=arguments.body, visibility=visibility),
        status=arguments.status,
    )
    wish = arguments.wish(write, object_id=arguments.ticket_id)
    result = await perform(services, call, wish)
    return CommentResult(**dict(result), visibility=visibility)
