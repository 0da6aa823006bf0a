"""A host: it calls a tool, and after trouble repeats the call with its key until it knows."""

import asyncio
import contextlib
import time

from benchmarks.torture.account import SETTLED, Account, Word
from benchmarks.torture.place import DEADLINE_S
from benchmarks.torture.server import Server, ServerGone
from benchmarks.torture.subjects import BLIND
from benchmarks.torture.world import World

_CALL_S = DEADLINE_S + 5.0
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.4
_POLLS = 4
_PATIENCE_S = 20.0
_BLIND_PATIENCE_S = 0.6


class Host:
    """One host of one server; `index` tells the servers of a world apart."""

    def __init__(self, world: World, account: Account, index: int = 0) -> None:
        """Call in the name of the account's key."""
        self._world = world
        self._account = account
        self._index = index

    async def once(self, server: Server) -> Word | None:
        """Call once; None when the server died or hung.

        A hung server is killed: that is what hosts do.
        """
        errand = self._account.errand

        try:
            answer = await server.call(errand.tool, errand.arguments, timeout_s=_CALL_S)
        except ServerGone:
            self._account.note(f"server {self._index} is gone")
            return None
        except TimeoutError:
            self._account.note(f"server {self._index} hangs")
            await server.kill()
            return None

        return self._account.hear(answer)

    async def until_decided(self, word: Word | None = None) -> Word:
        """Repeat the call until it is decided or patience ends, beginning from the last word."""
        pause_s = _FIRST_PAUSE_S
        ends_s = time.monotonic() + _patience_s(self._account)

        while word not in SETTLED and time.monotonic() < ends_s:
            if word is not None:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

            server = await self._world.server(self._index)

            if self._account.trial.patient and word is Word.UNKNOWN:
                word = await self._poll(server)

            if word not in SETTLED:
                word = await self.once(server)

        return word or Word.UNKNOWN

    async def _poll(self, server: Server) -> Word:
        """Ask get_action instead of calling again, as its answer advises."""
        word = Word.UNKNOWN

        for _ in range(_POLLS):
            if self._account.action_id is None:
                break

            with contextlib.suppress(ServerGone, TimeoutError):
                answer = await server.call(
                    "get_action", {"action_id": self._account.action_id}, timeout_s=_CALL_S
                )
                word = self._account.hear(answer)

            if word in SETTLED:
                break

            await asyncio.sleep(_LONGEST_PAUSE_S / 2)

        return word


def _patience_s(account: Account) -> float:
    return _BLIND_PATIENCE_S if account.trial.subject in BLIND else _PATIENCE_S
