"""What the walks ask of a target, whatever stands behind it, and the bundle of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mcp_router.domain.action import Precondition, Ref, Strategy
from mcp_router.domain.completion import Completion, CompletionRequest, Emit, Usage
from mcp_router.domain.target import ModelTarget, Price, TargetFacts, TargetKind
from mcp_router.domain.ticket import CrmCase, Customer, CustomerQuery, TicketPage, TicketView
from mcp_router.domain.write import DeskWrite


class Provider(Protocol):
    """Sends one completion; every method raises SendFailed with its evidence."""

    async def complete(
        self, model: ModelTarget, request: CompletionRequest, *, timeout_s: float
    ) -> Completion:
        """Return the model's whole answer within `timeout_s`."""

    async def stream(
        self, model: ModelTarget, request: CompletionRequest, *, timeout_s: float, emit: Emit
    ) -> Completion:
        """Emit the answer's text as it comes and return the answer within `timeout_s`.

        SendFailed comes only while nothing was emitted; an answer that breaks off later is
        returned as far as it came, and its finish reason says that it is incomplete.
        """

    async def check(self, *, timeout_s: float) -> str:
        """Return one line that says the provider is reached and accepts our key."""

    async def aclose(self) -> None:
        """Close the connections."""


class Prices(Protocol):
    """Turns tokens into micro-dollars."""

    def table(self, model: ModelTarget) -> str:
        """Name the list that the model's price comes from, for the record."""

    def cost(self, model: ModelTarget, usage: Usage) -> int | None:
        """Return what the usage costs, or None where no price is known."""

    def price(self, model: ModelTarget, prompt_tokens: int) -> Price | None:
        """Return the price of a call with a prompt of that length, or None where none is known."""


class Desk(Protocol):
    """A system of tickets or cases that can be written to and asked about its writes."""

    @property
    def name(self) -> str:
        """Return the name that policies use."""

    def strategy(self, write: DeskWrite) -> Strategy:
        """Return how this desk lets us repeat that kind of write safely."""

    async def precondition(self, write: DeskWrite, *, timeout_s: float) -> Precondition | None:
        """Return the version that the write is based on, where the desk checks one."""

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        """Send exactly one request that can have an effect."""

    async def probe(self, write: DeskWrite, *, marker: str, timeout_s: float) -> Ref | None:
        """Return what the write with that marker made, or None if the desk has no such thing."""

    async def find_customers(
        self, query: CustomerQuery, *, limit: int, timeout_s: float
    ) -> tuple[Customer, ...]:
        """Return the people who match."""

    async def check(self, *, timeout_s: float) -> str:
        """Return one line that says the desk is reached and accepts our credentials."""

    async def aclose(self) -> None:
        """Close the connections and worker threads."""


@runtime_checkable
class HelpDesk(Desk, Protocol):
    """A desk that holds tickets."""

    async def view_ticket(self, ticket_id: str, *, comments: int, timeout_s: float) -> TicketView:
        """Return a ticket with its latest comments."""

    async def search_tickets(
        self, query: str, *, limit: int, cursor: str | None, timeout_s: float
    ) -> TicketPage:
        """Return one page of matching tickets."""


@runtime_checkable
class Crm(Desk, Protocol):
    """A desk that holds the cases which mirror tickets."""

    async def read_case(self, external_id: str, *, timeout_s: float) -> CrmCase | None:
        """Return the case that mirrors a ticket, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Everything that is configured, by the names that policies use."""

    models: Mapping[str, ModelTarget]
    providers: Mapping[str, Provider]
    desks: Mapping[str, Desk]
    prices: Prices

    def model_facts(self, prompt_tokens: int) -> dict[str, TargetFacts]:
        """Return what a decision may know of each model for a prompt of that length."""
        return {
            model.name: TargetFacts(
                name=model.name,
                kind=TargetKind.MODEL,
                provider=model.provider,
                family=model.family,
                price=self.prices.price(model, prompt_tokens),
                context_tokens=model.context_tokens,
                residency=model.residency,
                retention_days=model.retention_days,
                capabilities=model.capabilities,
            )
            for model in self.models.values()
        }

    def desk_facts(self) -> dict[str, TargetFacts]:
        """Return what a decision may know of each desk."""
        return {
            name: TargetFacts(name=name, kind=TargetKind.DESK, provider=name, family=name)
            for name in self.desks
        }
