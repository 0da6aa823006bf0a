"""The driver's side of the nursery: asks for processes and holds their pipes."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.torture.orders import Birth, birth_line

_CHECKOUT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Born:
    """A process that was just forked, and the driver's ends of its streams."""

    pid: int
    requests: int
    answers: int
    control: socket.socket


class Nursery:
    """Hands out processes, one fork at a time."""

    def __init__(self, process: subprocess.Popen[bytes], line: socket.socket) -> None:
        """Talk to a running nursery over `line`."""
        self._process = process
        self._line = line
        self._turn = asyncio.Lock()
        self.births = 0

    async def bear(self, birth: Birth) -> Born:
        """Return a new process, which may not have opened anything yet."""
        stdin, requests = os.pipe()
        answers, stdout = os.pipe()
        control, childs = socket.socketpair()
        theirs = [stdin, stdout, childs.fileno()]

        try:
            async with self._turn:
                socket.send_fds(self._line, [birth_line(birth)], theirs)
                pid = await self._answer()
        except BaseException:
            os.close(requests)
            os.close(answers)
            control.close()
            raise
        finally:
            os.close(stdin)
            os.close(stdout)
            childs.close()

        control.setblocking(False)
        self.births += 1
        return Born(pid=pid, requests=requests, answers=answers, control=control)

    async def _answer(self) -> int:
        async with asyncio.timeout(_PATIENCE_S):
            told = await asyncio.get_running_loop().sock_recv(self._line, 64)

        if not told:
            raise RuntimeError("the nursery has died")

        return int(told)


@asynccontextmanager
async def open_nursery(*, with_controls: bool = False) -> AsyncIterator[Nursery]:
    """Start a nursery; it is ready when its first fork is asked for. End it with the block."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    with ours, theirs:
        process = subprocess.Popen(  # noqa: ASYNC220  # it is only started here, never waited for
            [
                sys.executable,
                "-m",
                "benchmarks.torture.nursery_process",
                str(theirs.fileno()),
                *(["--controls"] if with_controls else []),
            ],
            cwd=_CHECKOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        ours.setblocking(False)

        try:
            yield Nursery(process, ours)
        finally:
            ours.close()
            await asyncio.to_thread(process.wait, _PATIENCE_S)
