"""The embedded Zendesk: the `Idempotency-Key` of `POST /tickets`."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx2
import pytest

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.zendesk.exchange import Origin
from mcp_router.sandbox.zendesk.state import ZendeskState
from tests.sandbox.zendesk_parts import open_desk

LAMP: dict[str, JsonValue] = {"subject": "Lamp", "comment": {"body": "It flickers."}}


def lookup(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.headers.get("x-idempotency-lookup")


def test_repeated_request_gets_the_first_answer() -> None:
    desk = open_desk()

    first = desk.post_ticket(LAMP, key="key-1")
    desk.clock.now_s += 60
    desk.put_ticket(113, {"status": "solved"})
    second = desk.post_ticket(LAMP, key="key-1")

    assert (lookup(first), lookup(second)) == ((201, "miss"), (201, "hit"))
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"]
    assert desk.effects.count("ticket") == 1


def test_other_key_and_no_key_create_again() -> None:
    desk = open_desk()

    answers = [desk.post_ticket(LAMP, key=key) for key in ("a", "b", None, None)]

    assert [lookup(one) for one in answers] == [
        (201, "miss"),
        (201, "miss"),
        (201, None),
        (201, None),
    ]
    assert [one.json()["ticket"]["id"] for one in answers] == [113, 114, 115, 116]


def test_other_body_under_the_key_is_refused() -> None:
    desk = open_desk()
    desk.post_ticket(LAMP, key="key-1")

    answer = desk.post_ticket({**LAMP, "subject": "Light"}, key="key-1")

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "IdempotentRequestError",
            "description": "Request parameters don't match the given idempotency key",
        },
    )
    assert desk.effects.count() == 1


def test_order_of_members_does_not_matter() -> None:
    desk = open_desk()
    desk.post_ticket(LAMP, key="key-1")

    answer = desk.post_ticket(dict(reversed(LAMP.items())), key="key-1")

    assert lookup(answer) == (201, "hit")


@pytest.mark.parametrize(("later_s", "found"), [(7199.9, "hit"), (7200, "miss")])
def test_key_is_kept_for_two_hours(later_s: float, found: str) -> None:
    desk = open_desk()
    desk.post_ticket(LAMP, key="key-1")

    desk.clock.now_s += later_s

    assert lookup(desk.post_ticket(LAMP, key="key-1")) == (201, found)
    assert desk.effects.count("ticket") == (1 if found == "hit" else 2)


def test_two_hours_begin_with_the_first_request() -> None:
    desk = open_desk()

    for later_s in (0, 4000, 4000):
        desk.clock.now_s += later_s
        desk.post_ticket(LAMP, key="key-1")

    assert desk.effects.count("ticket") == 2


@pytest.mark.parametrize(("length", "status"), [(255, 201), (256, 400)])
def test_key_has_at_most_255_characters(length: int, status: int) -> None:
    desk = open_desk()

    answer = desk.post_ticket(LAMP, key="k" * length)

    assert answer.status_code == status
    assert desk.effects.count() == (1 if status == 201 else 0)


def test_refused_request_does_not_use_up_its_key() -> None:
    desk = open_desk()

    refused = desk.post_ticket({"subject": "Lamp"}, key="key-1")

    assert lookup(refused) == (422, None)
    assert lookup(desk.post_ticket(LAMP, key="key-1")) == (201, "miss")


def test_key_means_nothing_to_an_update() -> None:
    desk = open_desk()
    body: JsonValue = {"ticket": {"comment": {"body": "Twice"}}}

    for _ in range(2):
        desk.send("PUT", "/tickets/101", body, headers={"Idempotency-Key": "key-1"})

    assert desk.effects.count("comment") == 2


def test_threads_with_one_key_create_one_ticket() -> None:
    state = ZendeskState(seeded=False)
    together = Barrier(8)

    def create(_: int) -> bool:
        together.wait(timeout=10)
        return state.create(LAMP, Origin(author_id=1001), key="key-1", request="same").repeated

    with ThreadPoolExecutor(8) as pool:
        repeated = list(pool.map(create, range(8)))

    assert sorted(repeated) == [False] + [True] * 7
    assert [one.id for one in state.tickets()] == [101]
