"""reply_to_ticket: answer the customer, once."""

from mcp_router.domain.action import Strategy
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.ticket import Visibility
from mcp_router.services import Services
from mcp_router.tools.commenting import CommentArguments, CommentResult, comment
from mcp_router.tools.tool import Tool
from mcp_router.tools.writing import KEY_NOTE


async def run(services: Services, call: Call, arguments: CommentArguments) -> CommentResult:
    """Add a public comment."""
    return await comment(services, call, arguments, Visibility.PUBLIC)


TOOL = Tool(
    name="reply_to_ticket",
    title="Reply to the customer",
    description=(
        "Add a PUBLIC comment to a ticket: the customer receives it. Do not use it for notes to "
        "colleagues (add_internal_note). " + KEY_NOTE
    ),
    arguments=CommentArguments,
    result=CommentResult,
    run=run,
    effect=CommentArguments.effect,
    scope=Scope.WRITE,
    strategies={"zendesk": Strategy.CAS_MARKER},
)
