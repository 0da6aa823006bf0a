"""Worker threads for a client library that blocks: one client a thread, never shared."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed

ClientT = TypeVar("ClientT")
ResultT = TypeVar("ResultT")


class Workers(Generic[ClientT]):
    """Run blocking calls in a few threads, each with a client of its own.

    The first client is made at once, so that one that cannot be built fails at start; the
    others when their thread first needs one. Clients of zenpy and simple-salesforce hold state
    that two threads must not touch together.
    """

    def __init__(
        self,
        factory: Callable[[], ClientT],
        *,
        close: Callable[[ClientT], None],
        name: str,
        threads: int = 4,
    ) -> None:
        """Make the first client; raises what `factory` raises.

        `close` ends a client's connections; `name` is what its threads are called.
        """
        self._factory = factory
        self._close = close
        self._lock = threading.Lock()
        self._spare = [factory()]
        self._clients: dict[int, ClientT] = {}  # by thread; threads live until aclose
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name)

    async def run(self, fn: Callable[[ClientT], ResultT]) -> ResultT:
        """Return `fn(client)`, run in a worker thread; raises what `fn` raises.

        Cancelling the wait takes back a call that no thread has begun. One that has begun runs
        to its end on its own and only its result is lost, so whoever sends a write shields the
        wait.

        Raises:
            SendFailed: the workers are closed; nothing was sent.
        """
        try:
            future = self._executor.submit(self._call, fn)
        except RuntimeError:  # what an executor raises after its shutdown
            raise _closed() from None

        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()

            if task is not None and not task.cancelling():  # not the wait: aclose took it back
                raise _closed() from None

            raise

    async def aclose(self) -> None:
        """Let what runs finish, take back what waits, join the threads, close the clients.

        It may be called twice. It is not interrupted by cancellation: a thread left behind
        would hold its connection and its write.
        """
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._shutdown)

    def _shutdown(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

        clients = [*self._spare, *self._clients.values()]
        self._spare.clear()
        self._clients.clear()

        for client in clients:
            self._close(client)

    def _call(self, fn: Callable[[ClientT], ResultT]) -> ResultT:
        return fn(self._client())

    def _client(self) -> ClientT:
        """Return the client of the current thread, making it when this is its first call."""
        thread = threading.get_ident()

        if thread in self._clients:
            return self._clients[thread]

        with self._lock:
            client = self._spare.pop() if self._spare else self._factory()
            self._clients[thread] = client

        return client


def _closed() -> SendFailed:
    return SendFailed("The desk is closed.", evidence=Evidence.NOT_APPLIED, reason=Reason.REFUSED)
