"""add_internal_note: tell colleagues, not the customer."""

from mcp_router.domain.action import Strategy
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.ticket import Visibility
from mcp_router.services import Services
from mcp_router.tools.commenting import CommentArguments, CommentResult, comment
from mcp_router.tools.tool import Tool
from mcp_router.tools.writing import KEY_NOTE


async def run(services: Services, call: Call, arguments: CommentArguments) -> CommentResult:
    """Add an internal comment."""
    return await comment(services, call, arguments, Visibility.INTERNAL)


TOOL = Tool(
    name="add_internal_note",
    title="Add an internal note",
    description=(
        "Add an INTERNAL comment to a ticket: only agents see it. Do not use it to answer the "
        "customer (reply_to_ticket). " + KEY_NOTE
    ),
    arguments=CommentArguments,
    result=CommentResult,
    run=run,
    effect=CommentArguments.effect,
    scope=Scope.WRITE,
    strategies={"zendesk": Strategy.CAS_MARKER},
)
