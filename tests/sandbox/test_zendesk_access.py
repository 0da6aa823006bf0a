"""The embedded Zendesk: credentials, unknown places, headers, the rate limit."""

import base64

import pytest

from mcp_router.sandbox.credentials import ZENDESK_EMAIL, ZENDESK_TOKEN
from mcp_router.sandbox.zendesk.app import ENDPOINTS
from tests.sandbox.zendesk_parts import open_desk


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        basic(f"{ZENDESK_EMAIL}:{ZENDESK_TOKEN}"),
        basic(f"{ZENDESK_EMAIL}/token:wrong"),
        basic(f"other@example.com/token:{ZENDESK_TOKEN}"),
        f"Bearer {ZENDESK_TOKEN}",
        "Basic %%%",
        "Basic \u00e9",
        "Basic",
    ],
    ids=[
        "none",
        "password",
        "wrong token",
        "wrong address",
        "bearer",
        "garbage",
        "no ascii",
        "nothing",
    ],
)
def test_only_the_api_token_opens_the_account(authorization: str | None) -> None:
    desk = open_desk(authenticated=False)

    headers = [] if authorization is None else [(b"Authorization", authorization.encode())]
    answer = desk.client.post("/api/v2/tickets", headers=headers, json={"ticket": {}})

    assert (answer.status_code, answer.json()) == (401, {"error": "Couldn't authenticate you"})
    assert answer.headers["www-authenticate"] == 'Basic realm="Web Password"'
    assert desk.effects.count() == 0


@pytest.mark.parametrize(
    "path",
    [
        "/tickets/999",
        "/tickets/999.json",
        "/tickets/999/audits",
        "/users/999",
        "/organizations/999",
        "/groups/999.json",
    ],
)
def test_unknown_records_are_not_found(path: str) -> None:
    answer = open_desk().get(path)

    assert answer.status_code == 404
    assert answer.json() == {"error": "RecordNotFound", "description": "Not found"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v2/macros"),
        ("GET", "/api/v2/tickets/"),
        ("DELETE", "/api/v2/tickets/101"),
        ("PATCH", "/api/v2/tickets/101.json"),
        ("GET", "/"),
    ],
)
def test_unknown_endpoints_are_not_found(method: str, path: str) -> None:
    answer = open_desk().client.request(method, path)

    assert answer.status_code == 404
    assert answer.json() == {"error": "InvalidEndpoint", "description": "Not found"}


@pytest.mark.parametrize(
    "path",
    ["/tickets/abc", "/users/abc.json", f"/tickets/{'9' * 5000}"],
    ids=["ticket", "user", "huge"],
)
def test_ids_are_numbers(path: str) -> None:
    answer = open_desk().get(path)

    message = (
        "You passed an invalid value for the id attribute. Invalid parameter: id must be an integer"
    )
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": {"title": "Invalid attribute", "message": message}},
    )


@pytest.mark.parametrize(
    "path",
    [path.replace("{name}", "101") for method, path, _ in ENDPOINTS if method == "GET"],
)
def test_every_place_has_a_twin_with_a_suffix(path: str) -> None:
    desk = open_desk()
    query = "?ids=101&query=type:ticket&start_time=0"

    plain, suffixed = desk.get(path + query), desk.get(f"{path}.json{query}")

    assert plain.status_code == suffixed.status_code
    assert plain.text == suffixed.text.replace(f"{path}.json?", f"{path}?")


def test_answers_carry_the_accounts_time_and_its_rate() -> None:
    desk = open_desk()
    desk.clock.now_s += 15.9

    answers = [desk.get("/tickets/101"), desk.get("/tickets/999")]

    assert [one.headers["date"] for one in answers] == ["Fri, 20 Nov 2026 12:00:15 GMT"] * 2
    assert [one.headers["x-rate-limit"] for one in answers] == ["700", "700"]
    assert [one.headers["x-rate-limit-remaining"] for one in answers] == ["699", "698"]
    assert [one.headers["ratelimit-reset"] for one in answers] == ["45", "45"]
    assert answers[0].headers["content-type"] == "application/json; charset=utf-8"


def test_requests_beyond_the_rate_are_refused_and_not_executed() -> None:
    desk = open_desk()
    desk.state.requests_per_minute = 2
    desk.clock.now_s += 20

    answers = [desk.put_ticket(101, {"comment": {"body": str(n)}}) for n in range(4)]

    assert [one.status_code for one in answers] == [200, 200, 429, 429]
    assert answers[3].json() == {
        "errors": [{"code": "TooManyRequests", "title": "Too Many Requests"}]
    }
    assert answers[3].headers["retry-after"] == "40"
    assert answers[3].headers["x-rate-limit"] == "2"
    assert answers[3].headers["x-rate-limit-remaining"] == "0"
    assert desk.effects.kinds() == {"comment": 2}

    desk.clock.now_s += 40
    assert desk.put_ticket(101, {"comment": {"body": "again"}}).status_code == 200


def test_strangers_do_not_use_up_the_rate() -> None:
    desk = open_desk()
    desk.state.requests_per_minute = 1

    desk.client.get("/api/v2/tickets/101", auth=("nobody", "nothing"))

    assert desk.get("/tickets/101").status_code == 200


def test_errors_never_echo_what_was_sent() -> None:
    desk = open_desk()
    secret = "hunter2-hunter2"

    answers = [
        desk.post_ticket({"comment": {"body": "x"}, "priority": secret}),
        desk.post_ticket({"comment": {"body": "x"}, "requester": {"email": secret}}),
        desk.post_ticket({"comment": {"body": "x"}, "assignee_id": secret}),
        desk.put_ticket(101, {"safe_update": True, "updated_stamp": secret}),
        desk.get(f"/tickets/{secret}"),
        desk.get(f"/tickets?page={secret}"),
        desk.get(f"/tickets?page[after]={secret}"),
        desk.get(f"/tickets?sort={secret}"),
        desk.get(f"/search?query=a&sort_by={secret}"),
        desk.get(f"/incremental/tickets/cursor?cursor={secret}"),
        desk.get(f"/{secret}"),
    ]

    assert [one.status_code for one in answers] == [
        422, 422, 400, 409, 400, 400, 400, 400, 422, 400, 404
    ]  # fmt: skip
    assert [one.text for one in answers if secret in one.text] == []
