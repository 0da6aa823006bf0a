"""sync_ticket_to_crm: make the CRM's case look like the ticket."""

from pydantic import Field

from mcp_router.actions import Reader, Wish
from mcp_router.canonical import digest, plain
from mcp_router.domain.action import Strategy
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.case_mapping import case_of
from mcp_router.domain.effect import Effect
from mcp_router.services import Services
from mcp_router.tools.desk_roles import help_desk
from mcp_router.tools.tool import Id, Tool
from mcp_router.tools.writing import KEY_NOTE, WriteArguments, WriteResult, perform_prepared


class SyncTicketArguments(WriteArguments):
    """Which ticket to mirror."""

    effect = Effect.IDEMPOTENT_WRITE

    ticket_id: Id = Field(description="The ticket to mirror.")


async def run(services: Services, call: Call, arguments: SyncTicketArguments) -> WriteResult:
    """Read the ticket, then create or update its case."""

    async def prepare(reader: Reader) -> Wish:
        view = await reader.read(
            "lookup_ticket",
            lambda desk, timeout_s: help_desk(desk).view_ticket(
                arguments.ticket_id, comments=0, timeout_s=timeout_s
            ),
        )
        case = case_of(view)
        return arguments.wish(case, object_id=arguments.ticket_id, version=digest(plain(case)))

    return await perform_prepared(services, call, prepare)


TOOL = Tool(
    name="sync_ticket_to_crm",
    title="Sync a ticket to the CRM",
    description=(
        "Create or update the CRM case that mirrors a ticket: subject, description, status, "
        "priority and contact. There is one case per ticket, kept by a unique external id. Do not "
        "use it to bring CRM changes back (sync_crm_to_ticket). " + KEY_NOTE
    ),
    arguments=SyncTicketArguments,
    result=WriteResult,
    run=run,
    effect=SyncTicketArguments.effect,
    scope=Scope.WRITE,
    strategies={"salesforce": Strategy.UNIQUE_INDEX},
    destructive=True,
    idempotent=True,
)
