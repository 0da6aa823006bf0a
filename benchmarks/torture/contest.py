"""The controls' turn: the same faults and the same host for programs that have no ledger."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.torture.controls.catalog import CONTROLS, Control
from benchmarks.torture.desks import Desks, Truth, open_desks
from benchmarks.torture.nursery import Nursery, open_nursery
from benchmarks.torture.orders import Birth, Order
from benchmarks.torture.plan import Kind, Trial
from benchmarks.torture.server import Server, ServerGone, start_server
from benchmarks.torture.subjects import Subject
from benchmarks.torture.trouble import Trouble
from mcp_router.canonical import JsonValue
from mcp_router.sandbox.certificate import make_certificate
from mcp_router.sandbox.loop_thread import LoopThread

ALL = tuple(control.name for control in CONTROLS)
POINTS = ("before_send", "after_send", "before_save", "after_save")
_LINE_KINDS = (
    Kind.ANSWER_LOST,
    Kind.REQUEST_LOST,
    Kind.LATE,
    Kind.CUT_REQUEST,
    Kind.CUT_ANSWER,
)
_CRASH_SHARE = 0.5
_ANSWER_S = 15.0
_REPEATS = 10
_PAUSE_S = 0.05
_LANDED_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a control has come to; `missing` names what it needs and this machine has not."""

    name: str
    faults: int = 0
    duplicates: int = 0
    lost: int = 0
    wall_s: float = 0.0
    missing: tuple[str, ...] = ()


async def contest(
    *,
    faults: int,
    seed: int,
    tell: Callable[[str], None],
    names: Sequence[str] = ALL,
) -> tuple[Score, ...]:
    """Torture each control with so many faults, one control after the other."""
    scores = []
    thread = LoopThread()
    thread.start()

    try:
        with TemporaryDirectory(prefix="torture-controls-") as folder:
            certificate = make_certificate(Path(folder))

            async with open_nursery(with_controls=True) as nursery:
                for control in (one for one in CONTROLS if one.name in names):
                    desks = await open_desks(thread, certificate)

                    try:
                        place = Path(folder) / control.name.replace(" ", "-")
                        place.mkdir()
                        score = await _Ring(control, place, nursery, desks).fight(faults, seed)
                    finally:
                        await desks.aclose()

                    scores.append(score)
                    tell(f"{control.name}: {'not installed' if score.missing else 'done'}")
    finally:
        thread.stop()

    return tuple(scores)


class _Ring:
    """One control and the desk that it writes to."""

    def __init__(self, control: Control, place: Path, nursery: Nursery, desks: Desks) -> None:
        self._control = control
        self._place = place
        self._nursery = nursery
        self._desks = desks
        self._server: Server | None = None
        self._lands_s = 0.0

    async def fight(self, faults: int, seed: int) -> Score:
        missing = self._control.missing()

        if missing:
            return Score(name=self._control.name, missing=missing)

        began_s = time.monotonic()
        said = [await self._trial(number, seed) for number in range(faults)]
        await asyncio.sleep(max(0.0, self._lands_s - time.monotonic()))

        if self._server is not None:
            await self._server.kill()

        truth = Truth.of(self._desks)
        counts = [
            (truth.comments(ticket, body, public=True), ok, injected)
            for ticket, body, ok, injected in said
        ]
        return Score(
            name=self._control.name,
            faults=sum(injected for _, _, injected in counts),
            duplicates=sum(effects > 1 for effects, _, _ in counts),
            lost=sum(ok and effects == 0 for effects, ok, _ in counts),
            wall_s=time.monotonic() - began_s,
        )

    async def _trial(self, number: int, seed: int) -> tuple[int, str, bool, bool]:
        """Return the ticket, the body, whether it was said to be done, and whether it hurt."""
        dice = random.Random(f"{seed}/{self._control.name}/{number}")
        crash = dice.random() < _CRASH_SHARE
        kind = Kind.CRASH if crash else dice.choice(_LINE_KINDS)
        trial = Trial(number=number, subject=Subject.REPLY, kind=kind, amount=dice.random())
        trouble = Trouble(self._desks, self._landing, trial)
        body = f"Said {number}."
        ticket_id = self._desks.ticket(f"Ticket {number}")
        wish: dict[str, JsonValue] = {"key": str(number), "ticket_id": ticket_id, "body": body}
        server = await self._running()

        match kind:
            case Kind.CRASH:
                server.order(Order(point=POINTS[number % len(POINTS)]))
            case Kind.ANSWER_LOST:
                trouble.lose_answer()
            case Kind.REQUEST_LOST:
                trouble.lose_request()
            case Kind.LATE:
                trouble.commit_late()
            case _:
                trouble.cut()

        ok = await self._until_ok(wish)
        injected = server.hit.is_set() if crash else trouble.happened()
        trouble.call_off()
        return ticket_id, body, ok, injected

    async def _until_ok(self, wish: dict[str, JsonValue]) -> bool:
        for _ in range(_REPEATS):
            server = await self._running()

            try:
                answer = await server.tell(wish, timeout_s=_ANSWER_S)
            except ServerGone:
                continue
            except TimeoutError:
                await server.kill()
                continue

            if answer["ok"] is True:
                return True

            await asyncio.sleep(_PAUSE_S)

        return False

    async def _running(self) -> Server:
        server = self._server

        if server is not None and not server.gone.is_set():
            return server

        if server is not None:
            await server.ended()

        birth = Birth(
            role=self._control.name,
            folder=str(self._place),
            errors=str(self._place / "stderr"),
            base_url=self._desks.access().base_url,
            ca_bundle=str(self._desks.certificate.ca_file),
        )
        self._server = await start_server(await self._nursery.bear(birth))
        return self._server

    def _landing(self, delay_s: float) -> None:
        self._lands_s = max(self._lands_s, time.monotonic() + delay_s + _LANDED_S)
