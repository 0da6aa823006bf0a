"""One running process, as its host and its torturer hold it."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.torture.failpoints import PASSED
from benchmarks.torture.nursery import Born
from benchmarks.torture.orders import Order, order_line
from mcp_router.canonical import JsonValue

_META: Mapping[str, JsonValue] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "torture", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_MAX_LINE = 1024 * 1024


class ServerGone(Exception):
    """The process ended before it answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One passage of a failpoint; `reached` ones were those at which the deed was done."""

    point: str
    nth: int
    reached: bool


class Server:
    """A forked process behind three streams: requests, answers, control."""

    def __init__(
        self,
        pid: int,
        requests: asyncio.WriteTransport,
        answers: asyncio.StreamReader,
        reports: asyncio.StreamReader,
        orders: asyncio.StreamWriter,
    ) -> None:
        """Use `start_server` instead."""
        self.pid = pid
        self.passages: list[Passage] = []
        self.hit = asyncio.Event()
        self.gone = asyncio.Event()
        self._requests = requests
        self._answers = answers
        self._reports = reports
        self._orders = orders
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Mapping[str, JsonValue]]] = {}
        self._tasks = (
            asyncio.create_task(self._read_answers()),
            asyncio.create_task(self._read_reports()),
        )

    def order(self, order: Order) -> None:
        """Tell the process what to do at its next passages."""
        self.hit.clear()
        self.passages.clear()
        self._orders.write(order_line(order))

    async def call(
        self, tool: str, arguments: Mapping[str, JsonValue], *, timeout_s: float
    ) -> Mapping[str, JsonValue]:
        """Call an MCP tool and return the JSON-RPC answer.

        Raises:
            ServerGone: the process ended first.
            TimeoutError: it did not answer in time.
        """
        identity = next(self._ids)
        message: dict[str, JsonValue] = {
            "jsonrpc": "2.0",
            "id": identity,
            "method": "tools/call",
            "params": {"name": tool, "arguments": dict(arguments), "_meta": _META},
        }
        return await self._ask(identity, message, timeout_s)

    async def tell(
        self, message: Mapping[str, JsonValue], *, timeout_s: float
    ) -> Mapping[str, JsonValue]:
        """Send a control's line and return its answer; lines are answered in order.

        Raises:
            ServerGone, TimeoutError: as `call`.
        """
        return await self._ask(next(self._ids), message, timeout_s)

    async def _ask(
        self, identity: int, message: Mapping[str, JsonValue], timeout_s: float
    ) -> Mapping[str, JsonValue]:
        if self.gone.is_set():
            raise ServerGone

        answer: asyncio.Future[Mapping[str, JsonValue]] = asyncio.get_running_loop().create_future()
        self._waiting[identity] = answer
        self._requests.write(json.dumps(message).encode() + b"\n")

        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        finally:
            self._waiting.pop(identity, None)

    async def asleep(self) -> None:
        """Wait until the process is stopped: it reports before it stops itself."""
        while not self.gone.is_set() and _state(self.pid) != b"T":  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.001)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; a process that has ended gets none."""
        if not self.gone.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def kill(self) -> None:
        """Kill it, if it still runs, and let go of its streams."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def ended(self) -> None:
        """Wait for its end and let go of its streams; harmless twice."""
        await self.gone.wait()

        if not self._requests.is_closing():
            self._requests.abort()

        self._orders.close()
        await asyncio.gather(*self._tasks)

        with contextlib.suppress(ConnectionError):
            await self._orders.wait_closed()

    def hang_up(self) -> None:
        """Close its standard input, as a host that ends does."""
        self._requests.close()

    async def _read_answers(self) -> None:
        # What a process was writing when it was killed has no end.
        while (line := await self._answers.readline()).endswith(b"\n"):
            answer = json.loads(line)
            # A control answers in order and knows no ids.
            identity = answer.get("id", next(iter(self._waiting), 0))
            waiting = self._waiting.get(identity)

            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def _read_reports(self) -> None:
        """Follow the control stream: the kernel closes the child's end when the child dies."""
        with contextlib.suppress(ConnectionError):
            while line := await self._reports.readline():
                word, point, nth = line.decode().split()
                reached = word != PASSED
                self.passages.append(Passage(point=point, nth=int(nth), reached=reached))

                if reached:
                    self.hit.set()

        self.gone.set()
        await self._tasks[0]  # what it still wrote counts

        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ServerGone())


async def start_server(born: Born) -> Server:
    """Return the process behind its streams."""
    loop = asyncio.get_running_loop()
    requests, _ = await loop.connect_write_pipe(
        asyncio.BaseProtocol, os.fdopen(born.requests, "wb", buffering=0)
    )
    answers = asyncio.StreamReader(limit=_MAX_LINE)
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(answers), os.fdopen(born.answers, "rb", buffering=0)
    )
    reports, orders = await asyncio.open_connection(sock=born.control)
    return Server(born.pid, requests, answers, reports, orders)


def _state(pid: int) -> bytes:
    """Return the letter of proc(5) for what a process is doing, `X` for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return b"X"

    return fields[0]
