import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from mcp_router.desks.workers import Workers
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import RetryingAdapter, SendFailed

PATIENCE_S = 5.0


@dataclass(eq=False)
class Client:
    """A client that notes which threads used it and how often it was closed."""

    threads: set[int] = field(default_factory=set)
    closed: int = 0

    def close(self) -> None:
        self.closed += 1


@dataclass(eq=False)
class Made:
    """Every client that a factory made."""

    clients: list[Client] = field(default_factory=list)

    def __call__(self) -> Client:
        self.clients.append(Client())
        return self.clients[-1]


@pytest.fixture
def made() -> Made:
    return Made()


@pytest.fixture
async def workers(made: Made) -> AsyncIterator[Workers[Client]]:
    workers: Workers[Client] = Workers(made, close=Client.close, name="desk-test", threads=3)
    yield workers
    await workers.aclose()


def use(client: Client) -> Client:
    client.threads.add(threading.get_ident())
    return client


async def test_each_thread_has_a_client_of_its_own(workers: Workers[Client], made: Made) -> None:
    together = threading.Barrier(3)

    def meet(client: Client) -> Client:
        together.wait(PATIENCE_S)
        return use(client)

    used = [
        client
        for _ in range(4)
        for client in await asyncio.gather(*(workers.run(meet) for _ in range(3)))
    ]
    assert set(used) == set(made.clients)
    assert [len(client.threads) for client in made.clients] == [1, 1, 1]
    assert len({thread for client in made.clients for thread in client.threads}) == 3


async def test_the_first_client_is_made_at_start_and_others_when_needed(
    workers: Workers[Client], made: Made
) -> None:
    assert len(made.clients) == 1
    assert await workers.run(use) is made.clients[0]
    assert len(made.clients) == 1


def test_a_client_that_cannot_be_built_fails_at_start() -> None:
    def factory() -> Client:
        raise RetryingAdapter("It retries.")

    with pytest.raises(RetryingAdapter):
        Workers(factory, close=Client.close, name="desk-test")


async def test_a_call_raises_what_its_function_raises(workers: Workers[Client]) -> None:
    def fail(_client: Client) -> None:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        await workers.run(fail)


async def test_cancelling_the_wait_does_not_stop_a_write_that_runs(
    workers: Workers[Client],
) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def write(_client: Client) -> None:
        begun.set()
        go_on.wait(PATIENCE_S)
        done.set()

    waiting = asyncio.create_task(workers.run(write))
    assert await asyncio.to_thread(begun.wait, PATIENCE_S)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert not done.is_set()
    go_on.set()
    assert await asyncio.to_thread(done.wait, PATIENCE_S)


async def test_cancelling_the_wait_takes_back_a_call_that_no_thread_has_begun(made: Made) -> None:
    workers: Workers[Client] = Workers(made, close=Client.close, name="desk-test", threads=1)
    begun, go_on = threading.Event(), threading.Event()
    ran: list[str] = []

    def block(_client: Client) -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    blocking = asyncio.create_task(workers.run(block))
    assert await asyncio.to_thread(begun.wait, PATIENCE_S)
    queued = asyncio.create_task(workers.run(lambda _client: ran.append("queued")))
    await asyncio.sleep(0)
    queued.cancel()

    with pytest.raises(asyncio.CancelledError):
        await queued

    go_on.set()
    await blocking
    await workers.aclose()
    assert ran == []


async def test_closing_waits_for_what_runs_then_closes_every_client_once(made: Made) -> None:
    workers: Workers[Client] = Workers(made, close=Client.close, name="desk-test", threads=2)
    both, go_on = threading.Barrier(3), threading.Event()
    open_at_the_end: list[bool] = []

    def write(client: Client) -> None:
        both.wait(PATIENCE_S)
        go_on.wait(PATIENCE_S)
        open_at_the_end.append(client.closed == 0)

    writes = [asyncio.create_task(workers.run(write)) for _ in range(2)]
    await asyncio.to_thread(both.wait, PATIENCE_S)
    closing = asyncio.create_task(workers.aclose())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*writes, closing)
    await workers.aclose()
    assert open_at_the_end == [True, True]
    assert [client.closed for client in made.clients] == [1, 1]
    assert not [one for one in threading.enumerate() if one.name.startswith("desk-test")]


async def test_closing_takes_back_what_no_thread_has_begun(made: Made) -> None:
    workers: Workers[Client] = Workers(made, close=Client.close, name="desk-test", threads=1)
    begun, go_on = threading.Event(), threading.Event()
    ran: list[str] = []

    def block(_client: Client) -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    blocking = asyncio.create_task(workers.run(block))
    assert await asyncio.to_thread(begun.wait, PATIENCE_S)
    queued = asyncio.create_task(workers.run(lambda _client: ran.append("queued")))
    closing = asyncio.create_task(workers.aclose())

    with pytest.raises(SendFailed) as caught:
        await asyncio.wait_for(queued, PATIENCE_S)

    assert (caught.value.evidence, caught.value.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)

    go_on.set()
    await asyncio.gather(blocking, closing)
    assert ran == []


async def test_a_client_that_was_never_used_is_closed_too(made: Made) -> None:
    workers: Workers[Client] = Workers(made, close=Client.close, name="desk-test")
    await workers.aclose()
    assert [client.closed for client in made.clients] == [1]


async def test_after_closing_nothing_is_sent(made: Made) -> None:
    workers: Workers[Client] = Workers(made, close=Client.close, name="desk-test")
    await workers.aclose()

    with pytest.raises(SendFailed) as caught:
        await workers.run(use)

    assert (caught.value.evidence, caught.value.reason) == (Evidence.NOT_APPLIED, Reason.REFUSED)
    assert made.clients[0].threads == set()
