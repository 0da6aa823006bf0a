"""One request to an address that was checked, and what came of it."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from mcp_router.alerts.post import Post, Receipt
from mcp_router.errors import InvalidSettings
from tests.alerts.receiver import DROP, HANG, Receiver

BODY = b'{"a":1}'
BOUND_S = 10.0
REFUSED = Receipt(told="its address is not one that alerts may be sent to")


async def sent(post: Post, *headers: tuple[str, str]) -> Receipt:
    receipt = await asyncio.wait_for(post.send(BODY, headers), BOUND_S)
    await post.aclose()
    return receipt


def inside(receiver: Receiver, *, timeout_s: float = BOUND_S) -> Post:
    return Post(receiver.url, allow_private=True, ca_bundle=receiver.ca_file, timeout_s=timeout_s)


async def test_the_body_arrives_with_its_headers_and_the_name_of_the_host(
    receiver: Receiver,
) -> None:
    receipt = await sent(inside(receiver), ("webhook-id", "alr_1"))

    assert receipt == Receipt(status=204, told="status 204")
    assert receipt.delivered
    (arrived,) = receiver.arrived
    assert (arrived.path, arrived.body) == ("/hooks?token=s3cret", BODY)
    assert arrived.headers["host"] == f"localhost:{receiver.port}"
    assert arrived.headers["webhook-id"] == "alr_1"
    assert arrived.headers["content-type"] == "application/json"


async def test_no_log_holds_the_url(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await sent(inside(receiver))

    assert "s3cret" not in caplog.text


async def test_this_machine_is_not_asked_unless_it_is_allowed(receiver: Receiver) -> None:
    for host in ("localhost", "127.0.0.1", "2130706433", "0x7f000001"):
        url = f"https://{host}:{receiver.port}/"
        assert await sent(Post(url, ca_bundle=receiver.ca_file)) == REFUSED

    assert receiver.arrived == []


async def test_a_name_that_means_something_else_a_moment_later_is_not_asked_again(
    receiver: Receiver,
) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    # The certificate is for `localhost`: TLS must ask for the name, though the address is dialled.
    post = Post(receiver.url, allow_private=True, ca_bundle=receiver.ca_file, resolve=resolve)
    assert (await sent(post)).delivered
    assert asked == ["localhost"]


async def test_one_inner_address_among_others_refuses_the_name(receiver: Receiver) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["93.184.215.14", "10.0.0.1"]

    assert await sent(Post("https://hooks.example/", resolve=resolve)) == REFUSED


async def test_the_next_address_is_tried_where_one_takes_no_connection(
    receiver: Receiver,
) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.9.9.9", "127.0.0.1"]

    post = Post(receiver.url, allow_private=True, ca_bundle=receiver.ca_file, resolve=resolve)
    assert (await sent(post)).delivered


async def test_a_certificate_for_another_name_is_no_receiver(receiver: Receiver) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    url = f"https://hooks.example:{receiver.port}/"
    post = Post(url, allow_private=True, ca_bundle=receiver.ca_file, resolve=resolve)

    assert await sent(post) == Receipt(told="no connection (ConnectError)")
    assert receiver.arrived == []


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers.append(f"302\nlocation: {receiver.url}")

    assert await sent(inside(receiver)) == Receipt(status=302, told="status 302")
    assert len(receiver.arrived) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("200", Receipt(status=200, told="status 200")),
        ("410", Receipt(status=410, told="status 410")),
        ("429\nretry-after: 30", Receipt(status=429, told="status 429", retry_after_s=30.0)),
        (
            "429\ndate: Sat, 21 Nov 2026 12:00:00 GMT\nretry-after: Sat, 21 Nov 2026 12:01:30 GMT",
            Receipt(status=429, told="status 429", retry_after_s=90.0),
        ),
        (
            "503\ndate: Sat, 21 Nov 2026 12:00:00 GMT\nretry-after: Fri, 20 Nov 2026 12:00:00 GMT",
            Receipt(status=503, told="status 503", retry_after_s=0.0),
        ),
        (
            "503\nretry-after: Sat, 21 Nov 2026 12:00:00 GMT",
            Receipt(status=503, told="status 503"),
        ),
        ("503\nretry-after: soon", Receipt(status=503, told="status 503")),
        (
            "503\ndate: Sat, 21 Nov 2026 12:00:00 GMT\n"
            "retry-after: Sat, 21 Nov 99999999999999999999 12:00:00 GMT",
            Receipt(status=503, told="status 503"),
        ),
        ("503\nretry-after: inf", Receipt(status=503, told="status 503")),
        ("503\nretry-after: -1", Receipt(status=503, told="status 503")),
        (DROP, Receipt(told="no connection (RemoteProtocolError)")),
    ],
)
async def test_every_answer_has_its_receipt(
    receiver: Receiver, answer: str, expected: Receipt
) -> None:
    receiver.answers.append(answer)

    receipt = await sent(inside(receiver))

    assert receipt == expected
    assert receipt.delivered is (receipt.status == 200)
    assert receipt.gone is (receipt.status == 410)


async def test_a_receiver_that_hangs_is_left(receiver: Receiver) -> None:
    receiver.answers.append(HANG)

    assert await sent(inside(receiver, timeout_s=1)) == Receipt(told="no answer in time")


async def test_a_closed_port_and_a_name_without_address_are_no_connection(
    tmp_path: Path,
) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError

    closed = await sent(Post("http://127.0.0.1:1/", allow_private=True))
    assert closed == Receipt(told="no connection (ConnectError)")
    nameless = await sent(Post("https://nobody.example/", resolve=resolve))
    assert nameless == Receipt(told="no connection (OSError)")


@pytest.mark.parametrize("url", ["ftp://hooks.example/", "https://", "nonsense", "http://[::1/"])
def test_what_is_no_address_of_http_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidSettings):
        Post(url)


def test_a_bundle_without_certificates_is_refused_at_once(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("nothing", encoding="ascii")

    with pytest.raises(InvalidSettings):
        Post("https://hooks.example/", ca_bundle=bundle)
