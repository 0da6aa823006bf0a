"""Salesforce as the CRM that mirrors tickets, through simple-salesforce."""

from collections.abc import Callable
from typing import TypeVar

from mcp_router.clock import Clock
from mcp_router.desks.salesforce_client import API_VERSION, SalesforceClient
from mcp_router.desks.salesforce_package import FIELDS, PERMISSION_SET
from mcp_router.desks.salesforce_records import (
    allowance_in,
    case_ref,
    crm_case,
    customer_query,
    customers_in,
)
from mcp_router.desks.salesforce_sync import find_case, find_written, sync_case
from mcp_router.desks.workers import Workers
from mcp_router.domain.action import Precondition, Ref, Strategy
from mcp_router.domain.ticket import CrmCase, Customer, CustomerQuery
from mcp_router.domain.write import DeskWrite, SyncCase
from mcp_router.errors import DeskRejected, NotConfigured
from mcp_router.settings import SalesforceSettings

ResultT = TypeVar("ResultT")

_MOST_CUSTOMERS = 200
_DEPLOY = (
    "Deploy the metadata of examples/salesforce, as its README says, and assign the permission set "
    f"{PERMISSION_SET} to the user that the connected app runs as."
)
_UNIQUE = " and ".join(field.path for field in FIELDS if field.unique)


class SalesforceDesk:
    """A desk that holds cases; safe for any number of concurrent calls.

    Every method that reaches Salesforce raises `SendFailed` with what is known of the effect.
    `timeout_s` bounds all the requests of a call together.
    """

    kind = "salesforce"

    def __init__(self, settings: SalesforceSettings, *, clock: Clock, threads: int = 4) -> None:
        """Start without a connection; each of `threads` workers logs in when it is first used.

        Raises:
            InvalidSettings: the CA bundle cannot be read.
            RetryingAdapter: simple-salesforce would send again by itself.
        """
        self.name = settings.name
        self._clock = clock
        self._instance_url = settings.instance_url.rstrip("/")
        self._workers = Workers(
            lambda: SalesforceClient(settings, clock=clock),
            close=SalesforceClient.close,
            name=f"desk-{settings.name}",
            threads=threads,
        )

    def strategy(self, write: DeskWrite) -> Strategy:
        """Return `UNIQUE_INDEX`: the marker is unique, so each write is applied once.

        That holds for inserts and updates alike, at Salesforce itself: sent again at any time, by
        anybody, late or twice at once, a write with the same marker changes nothing more.

        Raises:
            NotConfigured: the write belongs to a help desk; so from every other method.
        """
        _sync(write)
        return Strategy.UNIQUE_INDEX

    async def precondition(self, write: DeskWrite, *, timeout_s: float) -> Precondition | None:
        """Return None: `write` reads the case and makes its own change conditional on it."""
        _sync(write)
        return None

    async def write(
        self,
        write: DeskWrite,
        *,
        marker: str,
        precondition: Precondition | None,
        timeout_s: float,
    ) -> Ref:
        """Make the case look like `write`, once for `marker`, by one request that has an effect.

        The case, new or changed, and a record of the action with its unique marker are committed
        together or not at all; reads that go before say which case. It is refused, as
        `SendFailed` with evidence `NOT_APPLIED`, for these reasons among others:

        - `EXISTS`: a write with this marker was applied before, or is about to be; `probe` tells.
        - `CHANGED`: the case was changed after it was read (to the second), or another case of
          the ticket appeared meanwhile. No send of this marker was applied so far. Call again.
        - `UNAUTHORIZED`: the unique fields or the object of the package are not in place.

        A 401 proves that a request was not executed, so it is sent once more with a new token.
        Failures of what is read beforehand are `NOT_APPLIED` as well.
        """
        wanted = _sync(write)

        def work(client: SalesforceClient) -> Ref:
            return case_ref(self._instance_url, sync_case(client, wanted, marker))

        return await self._run(work, timeout_s)

    async def probe(self, write: DeskWrite, *, marker: str, timeout_s: float) -> Ref | None:
        """Return the case that the write with that marker wrote, however long ago, or None.

        None is read from the database, not from a search index. It says nothing of a write that
        is still under way.
        """
        _sync(write)

        def work(client: SalesforceClient) -> Ref | None:
            written = find_written(client, marker)
            return case_ref(self._instance_url, written) if written else None

        return await self._run(work, timeout_s)

    async def read_case(self, external_id: str, *, timeout_s: float) -> CrmCase | None:
        """Return the case that mirrors a ticket, or None."""

        def work(client: SalesforceClient) -> CrmCase | None:
            case = find_case(client, external_id)
            return crm_case(case, self._instance_url) if case else None

        return await self._run(work, timeout_s)

    async def find_customers(
        self, query: CustomerQuery, *, limit: int, timeout_s: float
    ) -> tuple[Customer, ...]:
        """Return at most `limit` contacts who fit all that `query` names, by name."""
        size = min(max(limit, 1), _MOST_CUSTOMERS)
        with_tier = customer_query(query, limit=size, tier=True)
        without = customer_query(query, limit=size, tier=False)

        if with_tier is None or without is None:
            return ()

        def work(client: SalesforceClient) -> tuple[Customer, ...]:
            answer = client.query_or(with_tier, without)
            return customers_in(answer, query, self.name)

        return await self._run(work, timeout_s)

    async def check(self, *, timeout_s: float) -> str:
        """Return one line: the API version, the requests left today, the package in place.

        Raises:
            DeskRejected: an object or a field of the package is missing or not as it must be.
            SendFailed: Salesforce is not reached or does not accept us.
        """

        def work(client: SalesforceClient) -> str:
            left, most = allowance_in(client.limits())
            missing = client.missing()

            if missing:
                raise DeskRejected(f"{'; '.join(missing)}.", next_step=_DEPLOY)

            return (
                f"REST API {API_VERSION}, {left:,} of {most:,} requests left today, "
                f"{_UNIQUE} are unique"
            )

        return await self._run(work, timeout_s)

    async def aclose(self) -> None:
        """Let what runs finish; close the connections and the worker threads."""
        await self._workers.aclose()

    async def _run(self, work: Callable[[SalesforceClient], ResultT], timeout_s: float) -> ResultT:
        deadline_s = self._clock.monotonic_s() + timeout_s

        def call(client: SalesforceClient) -> ResultT:
            with client.until(deadline_s):
                return work(client)

        return await self._workers.run(call)


def _sync(write: DeskWrite) -> SyncCase:
    if isinstance(write, SyncCase):
        return write

    raise NotConfigured("A Salesforce desk holds no tickets; configure a Zendesk desk for them.")
