"""find_customer: who is this?"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.effect import Effect
from mcp_router.domain.ticket import CustomerQuery
from mcp_router.services import Services
from mcp_router.tools.ticket_results import CustomerResult, customer_result
from mcp_router.tools.tool import Arguments, CallResult, Label, Tool


class FindCustomerArguments(Arguments):
    """What is known of the person; the most telling of them is used first."""

    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = Field(
        default=None, description="The person's address."
    )
    phone: Annotated[str, Field(max_length=40, pattern=r"^[+0-9 ()./-]+$")] | None = Field(
        default=None, description="The person's number."
    )
    name: Label | None = Field(default=None, description="The person's name, or a part of it.")
    limit: int = Field(default=5, ge=1, le=20, description="People at most.")

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        """Refuse a search for nobody."""
        if not any((self.email, self.phone, self.name)):
            raise ValueError("name an email, a phone or a name")

        return self


class FindCustomerResult(CallResult):
    """The matches; more than one means that nobody may be assumed."""

    target: str = Field(description="The system that answered.")
    customers: list[CustomerResult] = Field(description="Who matches.")
    ambiguous: bool = Field(description="Whether more than one does: ask, do not pick.")


async def run(
    services: Services, call: Call, arguments: FindCustomerArguments
) -> FindCustomerResult:
    """Look the person up in the first system of the pool that answers."""
    query = CustomerQuery(email=arguments.email, phone=arguments.phone, name=arguments.name)
    target, found = await services.lookups.read(
        call,
        lambda desk, timeout_s: desk.find_customers(
            query, limit=arguments.limit, timeout_s=timeout_s
        ),
    )
    return FindCustomerResult(
        decision_id=call.call_id,
        target=target,
        customers=[customer_result(one) for one in found],
        ambiguous=len(found) > 1,
    )


TOOL = Tool(
    name="find_customer",
    title="Find a customer",
    description=(
        "Look a person up by email, phone or name, with account and tier where known. If the "
        "result is ambiguous, ask the person; do not pick one. An empty list means that nobody "
        "matches."
    ),
    arguments=FindCustomerArguments,
    result=FindCustomerResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.READ,
    idempotent=True,
)
