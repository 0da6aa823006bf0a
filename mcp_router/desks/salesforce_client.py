"""One thread's connection to Salesforce: simple-salesforce over the hardened session."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from simple_salesforce.api import Salesforce, SFType
from simple_salesforce.exceptions import (
    SalesforceError,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from mcp_router.clock import Clock
from mcp_router.desks.failures import classify_status, garbled
from mcp_router.desks.salesforce_composite import (
    CaseInsert,
    CaseUpdate,
    composite_body,
    written_case,
)
from mcp_router.desks.salesforce_failures import (
    errors_in,
    names_field,
    nothing_sent,
    refusal,
    refused,
)
from mcp_router.desks.salesforce_package import OBJECTS, missing_in
from mcp_router.desks.salesforce_records import TIER_FIELD
from mcp_router.desks.session import DeskSession, assert_no_retries
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed
from mcp_router.settings import SalesforceSettings

API_VERSION = "59.0"
"""Winter '24: every organisation has it; simple-salesforce's own default."""

AnswerT = TypeVar("AnswerT")


class _Token(BaseModel):
    access_token: str


class SalesforceClient:
    """Asks one organisation, once for each request; every method raises SendFailed.

    simple-salesforce's own login knows only `https://<domain>.salesforce.com`, so the token of the
    OAuth client credentials flow is asked for here, over the same session, and handed to it. It
    then has no login of its own, and with it goes its loop of up to four sends on a 401. What
    replaces it: a 401 proves that the request was not executed, so a new token is asked for and
    the request sent a second time, never a third.
    """

    def __init__(self, settings: SalesforceSettings, *, clock: Clock) -> None:
        """Prepare the session; nothing is connected yet.

        Raises:
            InvalidSettings: the CA bundle cannot be read.
            RetryingAdapter: simple-salesforce put an adapter that retries into the session.
        """
        # simple-salesforce always builds https://host/..., whatever the base URL looks like.
        self._host = urlsplit(settings.instance_url).netloc.lower()
        self._settings = settings
        self._session = DeskSession(
            clock=clock,
            ca_bundle=settings.ca_bundle,
            origin=f"https://{self._host}",
            base_url=settings.instance_url.rstrip("/"),
        )
        self._api: Salesforce | None = None
        self._package_proved = False
        self._connect("no token yet")

    @contextmanager
    def until(self, deadline_s: float) -> Iterator[None]:
        """Hold every request of the block to one deadline, on the clock's monotonic scale."""
        with self._session.call(deadline_s=deadline_s):
            yield

    def query(self, soql: str) -> object:
        """Return the answer to a query."""
        return self._ask(lambda api: api.query(soql))

    def query_or(self, soql: str, without_tier: str) -> object:
        """Return the answer to `soql`, or to `without_tier` where accounts have no tier."""

        def ask(api: Salesforce) -> object:
            try:
                return api.query(soql)
            except SalesforceMalformedRequest as refused:
                if not names_field(refused, TIER_FIELD):
                    raise

                return api.query(without_tier)

        return self._ask(ask)

    def write_case(self, write: CaseInsert | CaseUpdate) -> str:
        """Return the id of the case, which `write` has made or changed: one request with effect.

        `written_case` says what each failure means.
        """
        body = composite_body(write, version=API_VERSION)

        def send(api: Salesforce) -> object:
            try:
                answer: object = api.restful("composite", method="POST", json=body)
            except TypeError:  # it measures the answer's length, and not every JSON value has one
                raise garbled(200) from None

            return answer

        return written_case(self._ask(send), write)

    def missing(self) -> tuple[str, ...]:
        """Return what the customer has not deployed, or not given us; `missing_in` words it."""
        return missing_in({name: self._description(name) for name in OBJECTS})

    def require_package(self) -> None:
        """Prove, once, that a write is safe: that Salesforce itself refuses the second of two.

        Raises:
            SendFailed: a unique field is missing or not unique.
        """
        if self._package_proved:
            return

        if self.missing():
            raise refused(
                None,
                Reason.UNAUTHORIZED,  # not the call's fault: the operator's to put right
                "Salesforce lacks what keeps a write from happening twice; see `doctor`.",
            )

        self._package_proved = True

    def limits(self) -> object:
        """Return the organisation's limits."""
        return self._ask(lambda api: api.limits())

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _description(self, name: str) -> object:
        """Return the description of an object, None if there is none that we may see."""

        def ask(api: Salesforce) -> object:
            kind = getattr(api, name)
            assert isinstance(kind, SFType)

            try:
                described: object = kind.describe()
            except SalesforceResourceNotFound:
                return None

            return described

        return self._ask(ask)

    def _ask(self, send: Callable[[Salesforce], AnswerT]) -> AnswerT:
        with _our_failures():
            try:
                return send(self._api or self._log_in())
            except SalesforceExpiredSession:
                return send(self._log_in())

    def _log_in(self) -> Salesforce:
        """Return the API with a new token; a failure proves that nothing else was sent."""
        with nothing_sent():
            self._api = self._connect(self._token())

        return self._api

    def _token(self) -> str:
        """Ask for a token ("OAuth 2.0 Client Credentials Flow for Server-to-Server Integration").

        The answer's `instance_url` is not followed: the configured one is what the operator means
        to reach, through a proxy of theirs if need be.
        """
        response = self._session.post(
            f"https://{self._host}/services/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self._settings.client_id,
                "client_secret": self._settings.client_secret.reveal(),
            },
        )

        if response.status_code in (400, 401):
            raise SendFailed(
                "Salesforce does not accept the client credentials.",
                evidence=Evidence.NOT_APPLIED,
                reason=Reason.UNAUTHORIZED,
                status=response.status_code,
            )

        if response.status_code != 200:
            raise classify_status(response.status_code)

        try:
            return _Token.model_validate_json(response.content).access_token
        except ValidationError:
            raise garbled(200) from None

    def _connect(self, token: str) -> Salesforce:
        api = Salesforce(
            instance=self._host, session_id=token, session=self._session, version=API_VERSION
        )
        assert_no_retries(self._session)
        return api


@contextmanager
def _our_failures() -> Iterator[None]:
    """Turn what simple-salesforce raises into SendFailed; the session raises that by itself."""
    try:
        yield
    except SalesforceError as error:
        raise refusal(error.status, errors_in(error.content)) from None
    except ValueError:  # the body of a 2xx answer is no JSON
        raise garbled() from None
