"""One background thread with one asyncio loop, on which all embedded servers run."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")

_PATIENCE_S = 10.0  # far beyond any step; a bug shows as an error instead of a hang


class LoopThread:
    """A loop that other threads hand coroutines to. Start once, stop once."""

    def __init__(self) -> None:
        """Prepare the thread; nothing runs before `start`."""
        # A daemon, so that a program that dies without stopping it still ends.
        self._thread = threading.Thread(target=self._run, name="mcp-router-sandbox", daemon=True)
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Return once the loop runs."""
        self._thread.start()
        self._ready.result(_PATIENCE_S)

    def stop(self) -> None:
        """Cancel what still runs and return once the thread has ended."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_PATIENCE_S)

    def run(self, step: Coroutine[object, object, Result]) -> Result:
        """Run `step` on the loop and return its result; never call this from the loop itself."""
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(_PATIENCE_S)

    def call(self, step: Callable[[], None]) -> None:
        """Run the short function `step` on the loop and return when it is done, from anywhere."""
        if threading.current_thread() is self._thread:
            step()
            return

        async def stepping() -> None:
            step()

        self.run(stepping())

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._ready.result(0)

    def _run(self) -> None:
        # A selector loop on every platform: `Listener` watches its socket with add_reader.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._stay())

    async def _stay(self) -> None:
        self._ready.set_result(asyncio.get_running_loop())
        await self._stopping.wait()
