"""The points at which a tortured process can be made to die, stop or lose its clock.

Nothing of this is in the product: wrappers around its store, its record and its desks call
`passed` before and after every step, in the child process only.
"""

import os
import signal
import socket
import threading
import time
from collections import Counter
from typing import assert_never

import anyio

from benchmarks.torture.orders import Deed, Order, read_order

PASSED = "passed"
REACHED = "reached"


class Failpoints:
    """Counts passages and does the deed that the driver has ordered; safe between threads.

    The driver holds the other end of `control`; its orders are read at each passage, so that an
    order that was sent before a request is known before the request's first step.
    """

    def __init__(self, control: socket.socket) -> None:
        """Listen to `control`, a stream whose end in this process is ours alone."""
        self._control = control
        self._lock = threading.Lock()
        self._unread = b""
        self._order = Order()
        self._passages: Counter[str] = Counter()
        self._shift_ms = 0

    def passed(self, point: str) -> None:
        """Note one passage of `point`, and do there what was ordered."""
        with self._lock:
            self._listen()
            self._passages[point] += 1

            if self._order.trace:
                self._tell(PASSED, point, self._passages[point])

            if point == self._order.point and self._passages[point] == self._order.nth:
                order, self._order = self._order, Order(trace=self._order.trace)
                self._tell(REACHED, point, order.nth)
                self._do(order)

    def shift_ms(self) -> int:
        """Return how far the wall clock of this process has been moved."""
        with self._lock:
            self._listen()
            return self._shift_ms

    def _do(self, order: Order) -> None:
        match order.deed:
            case Deed.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Deed.STOP:
                os.kill(os.getpid(), signal.SIGSTOP)
            case Deed.TERM:
                os.kill(os.getpid(), signal.SIGTERM)
            case Deed.SHIFT:
                self._shift_ms += order.shift_ms
            case _:
                assert_never(order.deed)

    def _listen(self) -> None:
        """Take over the orders that have come in the meantime, the last one counts."""
        try:
            self._unread += self._control.recv(65_536, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionError):
            return

        *lines, self._unread = self._unread.split(b"\n")

        for line in lines:
            order = read_order(line)

            if order.deed is Deed.SHIFT and not order.point:
                self._shift_ms += order.shift_ms
            else:
                self._order = order
                self._passages.clear()

    def _tell(self, word: str, point: str, nth: int) -> None:
        """Report to the driver; a driver that has gone away is told nothing."""
        try:
            self._control.sendall(f"{word} {point} {nth}\n".encode())
        except OSError:
            return


class JumpingClock:
    """The machine's clock, whose wall time the driver can move; monotonic time stays true."""

    def __init__(self, failpoints: Failpoints) -> None:
        """Be moved by what `failpoints` hears."""
        self._failpoints = failpoints

    def now_ms(self) -> int:
        """Return the wall clock, moved."""
        return time.time_ns() // 1_000_000 + self._failpoints.shift_ms()

    def monotonic_s(self) -> float:
        """Return the monotonic clock in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await anyio.sleep(seconds)
