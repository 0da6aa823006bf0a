"""The proof that a client does not send again by itself, and what it catches."""

from collections.abc import Iterator

import pytest
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import Retry
from zenpy import Zenpy

from mcp_router.clock import SystemClock
from mcp_router.desks.session import DeskSession, assert_no_retries
from mcp_router.desks.zendesk import ZendeskDesk
from mcp_router.errors import RetryingAdapter
from mcp_router.settings import ZendeskSettings


@pytest.fixture
def session() -> Iterator[DeskSession]:
    with DeskSession(clock=SystemClock()) as session:
        yield session


def test_our_session_passes_the_proof_that_it_does_not_retry(session: DeskSession) -> None:
    assert_no_retries(session)


def test_the_default_session_of_zenpy_does_not_pass_it() -> None:
    desk = Zenpy(subdomain="acme", email="a@acme.test", token="t")

    with pytest.raises(RetryingAdapter) as caught:
        assert_no_retries(desk.users.session)

    assert caught.value.message == "The adapter for https:// may send a request again."


@pytest.mark.parametrize(
    "retry",
    [
        Retry(total=1),
        Retry(total=None),
        Retry(total=0, connect=1),
        Retry(total=0, read=1),
        Retry(total=0, status=1),
        Retry(total=0, redirect=1),
        Retry(total=0, other=1),
        Retry(total=0, status_forcelist=[503]),
    ],
    ids=["total", "endless", "connect", "read", "status", "redirect", "other", "statuses"],
)
def test_any_way_to_retry_is_found_on_any_prefix(session: DeskSession, retry: Retry) -> None:
    session.mount("https://desk.invalid/api/", HTTPAdapter(max_retries=retry))

    with pytest.raises(RetryingAdapter):
        assert_no_retries(session)


def test_an_adapter_that_cannot_be_looked_into_is_refused(session: DeskSession) -> None:
    session.mount("ftp://", BaseAdapter())

    with pytest.raises(RetryingAdapter):
        assert_no_retries(session)

    del session.adapters["ftp://"]  # it cannot even be closed


def test_a_client_that_retries_after_all_is_refused_at_start(
    zendesk_settings: ZendeskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a later zenpy mounted its adapter on the session that it is given, too."""

    def mount(
        _self: object,
        _email: str,
        _token: str,
        _oauth: None,
        _password: None,
        session: DeskSession,
        _anonymous: bool,
    ) -> DeskSession:
        session.mount("https://", HTTPAdapter(**Zenpy.http_adapter_kwargs()))
        return session

    monkeypatch.setattr(Zenpy, "_init_session", mount)

    with pytest.raises(RetryingAdapter):
        ZendeskDesk(zendesk_settings, clock=SystemClock())
