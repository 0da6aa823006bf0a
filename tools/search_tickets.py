"""search_tickets: find tickets by words and fields."""

from typing import Annotated

from pydantic import Field

from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.effect import Effect
from mcp_router.domain.ticket import Priority, Status
from mcp_router.services import Services
from mcp_router.tools.desk_roles import help_desk
from mcp_router.tools.ticket_results import TicketSummary, ticket_summary
from mcp_router.tools.tool import Arguments, CallResult, Tool


class SearchTicketsArguments(Arguments):
    """What to look for; everything that is named must hold."""

    query: Annotated[str, Field(max_length=500)] = Field(
        default="", description="Words to find in subject and description."
    )
    status: Status | None = Field(default=None, description="Only tickets that stand there.")
    priority: Priority | None = Field(default=None, description="Only tickets of that priority.")
    requester_email: (
        Annotated[str, Field(max_length=254, pattern=r"^[^@\s\"]+@[^@\s\"]+$")] | None
    ) = Field(default=None, description="Only tickets of that person.")
    tag: Annotated[str, Field(max_length=255, pattern=r"^[^\s\":]+$")] | None = Field(
        default=None, description="Only tickets with that tag."
    )
    limit: int = Field(default=10, ge=1, le=20, description="Tickets on a page.")
    cursor: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="Where the page before this one ended."
    )

    def terms(self) -> str:
        """Return the search in the desk's own syntax."""
        fields = {
            "status": self.status,
            "priority": self.priority,
            "requester": self.requester_email,
            "tags": self.tag,
        }
        terms = [f"{name}:{value}" for name, value in fields.items() if value is not None]
        return " ".join([*terms, self.query]).strip()


class SearchTicketsResult(CallResult):
    """One page of matches."""

    target: str = Field(description="The desk that was searched.")
    tickets: list[TicketSummary] = Field(description="The page.")
    total: int = Field(description="Matches on all pages.")
    has_more: bool = Field(description="Whether there is another page.")
    cursor: str | None = Field(description="Pass it to get the next page.")
    untrusted: list[str] = Field(
        default=["tickets.subject"], description="Fields that hold people's own words."
    )


async def run(
    services: Services, call: Call, arguments: SearchTicketsArguments
) -> SearchTicketsResult:
    """Search the help desk."""
    target, page = await services.lookups.read(
        call,
        lambda desk, timeout_s: help_desk(desk).search_tickets(
            arguments.terms(),
            limit=arguments.limit,
            cursor=arguments.cursor,
            timeout_s=timeout_s,
        ),
    )
    return SearchTicketsResult(
        decision_id=call.call_id,
        target=target,
        tickets=[ticket_summary(ticket) for ticket in page.tickets],
        total=page.total,
        has_more=page.cursor is not None,
        cursor=page.cursor,
    )


TOOL = Tool(
    name="search_tickets",
    title="Search tickets",
    description=(
        "Find tickets by words, status, priority, requester or tag; pages of at most 20. A help "
        "desk's search lags behind by minutes: never use it to check whether a write happened "
        "(get_action). Do not use it where you have the id (lookup_ticket)."
    ),
    arguments=SearchTicketsArguments,
    result=SearchTicketsResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.READ,
    idempotent=True,
)
