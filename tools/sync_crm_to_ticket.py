"""sync_crm_to_ticket: bring a case's status and priority back to its ticket."""

from pydantic import Field

from mcp_router.actions import Reader, Wish
from mcp_router.canonical import digest, plain
from mcp_router.domain.action import Strategy
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.case_mapping import external_id, update_of
from mcp_router.domain.effect import Effect
from mcp_router.domain.ticket import CrmCase
from mcp_router.errors import NotFound
from mcp_router.execute.targets import Desk
from mcp_router.services import Services
from mcp_router.tools.desk_roles import crm
from mcp_router.tools.tool import Id, Tool
from mcp_router.tools.writing import KEY_NOTE, WriteArguments, WriteResult, perform_prepared


class SyncCaseArguments(WriteArguments):
    """Which ticket to bring up to date."""

    effect = Effect.IDEMPOTENT_WRITE

    ticket_id: Id = Field(description="The ticket to bring up to date.")


async def run(services: Services, call: Call, arguments: SyncCaseArguments) -> WriteResult:
    """Read the case, then update its ticket."""

    async def ask(desk: Desk, timeout_s: float) -> CrmCase | None:
        return await crm(desk).read_case(external_id(arguments.ticket_id), timeout_s=timeout_s)

    async def prepare(reader: Reader) -> Wish:
        try:
            case = await reader.read("sync_ticket_to_crm", ask)
        except NotFound:
            raise NotFound(
                "The CRM has no case for this ticket.",
                next_step="Call sync_ticket_to_crm first; it creates the case.",
            ) from None

        update = update_of(arguments.ticket_id, case)
        return arguments.wish(update, object_id=arguments.ticket_id, version=digest(plain(update)))

    return await perform_prepared(services, call, prepare)


TOOL = Tool(
    name="sync_crm_to_ticket",
    title="Sync a case to its ticket",
    description=(
        "Set a ticket's status and priority to those of its CRM case, which "
        "sync_ticket_to_crm has made before. It changes nothing else. " + KEY_NOTE
    ),
    arguments=SyncCaseArguments,
    result=WriteResult,
    run=run,
    effect=SyncCaseArguments.effect,
    scope=Scope.WRITE,
    strategies={"zendesk": Strategy.CAS_MARKER},
    destructive=True,
    idempotent=True,
)
