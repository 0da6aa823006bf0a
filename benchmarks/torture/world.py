"""One world: two desks, one database, the servers on it, and the keys that were used in it."""

import asyncio
import time
from pathlib import Path

from benchmarks.torture.account import SETTLED, SETTLED_STATES, Account, Verdict, close
from benchmarks.torture.databases import Database
from benchmarks.torture.desks import Desks, Truth
from benchmarks.torture.nursery import Nursery
from benchmarks.torture.orders import ROUTER, Birth
from benchmarks.torture.place import (
    BUSY_TIMEOUT_MS,
    LEASE_S,
    RECONCILE_EVERY_S,
    Place,
    write_settings,
)
from benchmarks.torture.server import Server, start_server
from benchmarks.torture.subjects import BLIND

_ASKS = 10
_ASK_S = 20.0
_LANDED_S = 0.3  # what a request that was let go takes to be applied


class World:
    """Nothing in it is shared with other worlds but the nursery and the desks' thread."""

    def __init__(
        self, name: str, folder: Path, nursery: Nursery, desks: Desks, database: Database
    ) -> None:
        """Write the settings; no server runs yet."""
        self.name = name
        self.desks = desks
        self.database = database
        self.accounts: list[Account] = []
        self._nursery = nursery
        self._place = Place(folder=folder, storage=database.url)
        self._servers: dict[int, Server] = {}
        self._quiet_s = 0.0
        write_settings(self._place, desks)

    async def server(self, index: int = 0) -> Server:
        """Return the running server of that number, started if need be."""
        server = self._servers.get(index)

        if server is not None and not server.gone.is_set():
            return server

        if server is not None:
            await server.ended()

        self._servers[index] = await self._start()
        return self._servers[index]

    async def replace(self, index: int = 0) -> Server:
        """Kill the server of that number, if it runs, and start another."""
        server = self._servers.pop(index, None)

        if server is not None:
            await server.kill()

        return await self.server(index)

    async def forget_the_dead(self) -> None:
        """Wait until what a killed process held is free to be taken over."""
        if not self.database.knows_the_dead:
            await asyncio.sleep(LEASE_S + _LANDED_S)

    def landing(self, delay_s: float) -> None:
        """Remember that a request may still land so much later."""
        self._quiet_s = max(self._quiet_s, time.monotonic() + delay_s + _LANDED_S)

    async def close(self) -> tuple[Verdict, ...]:
        """Wait until everything has landed, stop everything, and judge every key."""
        while self._busy():  # noqa: ASYNC110  # time itself is waited for
            await asyncio.sleep(0.02)

        for server in self._servers.values():
            await server.kill()

        # A last server alone with what is left: its reconciler looks at everything.
        await self.forget_the_dead()
        last = await self._start()
        await asyncio.sleep(2 * RECONCILE_EVERY_S)
        await self._ask_again(last)
        await last.kill()
        truth = Truth.of(self.desks)
        rows = await self.database.rows()
        verdicts = tuple(close(account, truth, rows) for account in self.accounts)
        await self.desks.aclose()
        return verdicts

    def errors(self) -> str:
        """Return what the servers have said on standard error."""
        errors = self._place.errors
        return errors.read_text(encoding="utf-8") if errors.exists() else ""

    async def _ask_again(self, server: Server) -> None:
        """Repeat the calls whose hosts have gone without a decision, where one is possible.

        The reconciler would come to them too; its pauses are longer than a run.
        """
        rows = await self.database.rows()

        for account in self.accounts:
            row = rows.get(account.errand.key)

            if row is None or row.state in SETTLED_STATES or account.trial.subject in BLIND:
                continue

            for _ in range(_ASKS):
                answer = await server.call(
                    account.errand.tool, account.errand.arguments, timeout_s=_ASK_S
                )

                if account.hear(answer) in SETTLED:
                    break

                await asyncio.sleep(RECONCILE_EVERY_S)

    def _busy(self) -> bool:
        held = self.desks.zendesk_proxy.held + self.desks.salesforce_proxy.held
        return held > 0 or time.monotonic() < self._quiet_s

    async def _start(self) -> Server:
        birth = Birth(
            role=ROUTER,
            folder=str(self._place.folder),
            errors=str(self._place.errors),
            settings=str(self._place.settings),
            busy_timeout_ms=BUSY_TIMEOUT_MS,
        )
        return await start_server(await self._nursery.bear(birth))
