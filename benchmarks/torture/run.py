"""The whole run: worlds side by side, each with its share of the plan, and one report."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.torture.account import Verdict
from benchmarks.torture.databases import Database
from benchmarks.torture.desks import open_desks
from benchmarks.torture.nursery import Nursery, open_nursery
from benchmarks.torture.plan import MATRIX_SHARE, STOPS_SERVER, Cell, Trial, matrix, plan
from benchmarks.torture.rehearsal import rehearse
from benchmarks.torture.subjects import BLIND, Subject
from benchmarks.torture.trials import perform
from benchmarks.torture.world import World
from mcp_router.sandbox.certificate import Certificate, make_certificate
from mcp_router.sandbox.loop_thread import LoopThread

TRIALS_A_WORLD = 250
"""A desk's lists and a ledger's table grow with every trial; a fresh world keeps calls short."""

_MORE_ROUNDS = 2

MakeDatabase = Callable[[Path, str, bool], Database]
"""Makes the database of a world: its folder, its name, whether its server may be stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run has found."""

    seed: int
    store: str
    wall_s: float
    births: int
    cells: tuple[Cell, ...]
    verdicts: tuple[Verdict, ...]
    errors: str


class Stage:
    """What all worlds of a run share."""

    def __init__(
        self,
        folder: Path,
        nursery: Nursery,
        thread: LoopThread,
        certificate: Certificate,
        make_database: MakeDatabase,
    ) -> None:
        """Build worlds below `folder`."""
        self._folder = folder
        self._nursery = nursery
        self._thread = thread
        self._certificate = certificate
        self._make_database = make_database
        self._worlds = 0
        self.errors: list[str] = []

    async def world(self, *, shaky: bool = False) -> World:
        """Return a fresh world; a shaky one has a database server that may be stopped."""
        self._worlds += 1
        name = f"w{self._worlds}"
        folder = self._folder / name
        folder.mkdir()
        desks = await open_desks(self._thread, self._certificate)
        database = await asyncio.to_thread(self._make_database, folder, name, shaky)
        return World(name, folder, self._nursery, desks, database)

    async def close(self, world: World) -> tuple[Verdict, ...]:
        """Close a world and keep what its servers complained about."""
        verdicts = await world.close()
        self.errors.append(world.errors())
        return verdicts


async def torture(
    *,
    faults: int,
    seed: int,
    store: str,
    make_database: MakeDatabase,
    lanes: int,
    subjects: tuple[Subject, ...] = tuple(Subject),
    matrix_share: float = MATRIX_SHARE,
    tell: Callable[[str], None],
) -> Result:
    """Rehearse, plan, carry the plan out in `lanes` worlds at a time, and judge every key.

    Squares of the matrix that were planned and missed, since two processes race for the same
    step, are tried again.
    """
    began_s = time.monotonic()

    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="torture-")))
        nursery = await stack.enter_async_context(open_nursery())
        thread = LoopThread()
        thread.start()
        stack.callback(thread.stop)
        stage = Stage(folder, nursery, thread, make_certificate(folder), make_database)
        world = await stage.world()
        steps = await rehearse(world, subjects)
        verdicts = list(await stage.close(world))
        tell(f"{len(matrix(steps))} squares in the crash matrix")
        trials = plan(faults, seed, steps, postgres=store != "sqlite", matrix_share=matrix_share)

        for _ in range(1 + _MORE_ROUNDS):
            verdicts += await _carry_out(stage, trials, lanes, tell)
            trials = _missed(verdicts)

            if not trials:
                break

        return Result(
            seed=seed,
            store=store,
            wall_s=time.monotonic() - began_s,
            births=nursery.births,
            cells=matrix(steps),
            verdicts=tuple(verdicts),
            errors="".join(stage.errors),
        )


def _missed(verdicts: Sequence[Verdict]) -> tuple[Trial, ...]:
    """Return one trial for each square that was aimed at and never struck."""
    aimed = {trial.cell: trial for one in verdicts if (trial := one.account.trial).cell is not None}
    hit = {one.account.trial.cell for one in verdicts if one.account.injected}
    return tuple(trial for cell, trial in aimed.items() if cell not in hit)


async def _carry_out(
    stage: Stage, trials: Sequence[Trial], lanes: int, tell: Callable[[str], None]
) -> list[Verdict]:
    """Share the trials out: those that stay unknown keep to themselves.

    What stays unknown is asked for again and again by the reconciler, whose steps would be taken
    for those of the next trial. A database server that is stopped serves one world only.
    """
    stops = [one for one in trials if one.kind in STOPS_SERVER]
    steady = [one for one in trials if one.kind not in STOPS_SERVER]
    blind = [one for one in steady if one.subject in BLIND]
    others = [one for one in steady if one.subject not in BLIND]
    done: list[Verdict] = []

    async def lane(waiting: list[Trial], *, shaky: bool = False) -> None:
        while waiting:
            world = await stage.world(shaky=shaky)

            for _ in range(min(TRIALS_A_WORLD, len(waiting))):
                if waiting:
                    await perform(world, waiting.pop(0))

            done.extend(await stage.close(world))
            tell(f"{len(done)} keys judged")

    some = max(1, lanes // 4)
    await asyncio.gather(
        lane(stops, shaky=True),
        *(lane(blind) for _ in range(some)),
        *(lane(others) for _ in range(max(1, lanes - some))),
    )
    return done
