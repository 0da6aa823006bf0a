"""The router with one safety rule taken out of its own source text: what the checks must notice."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import getsource
from types import ModuleType
from typing import Protocol

from benchmarks.simulation.checks import Check, Verdict
from benchmarks.simulation.loop import Trace
from mcp_router.domain.action import Strategy

MACHINE = "mcp_router.ledger.machine"
ADMISSION = "mcp_router.ledger.admission"
STRATEGIES = "mcp_router.ledger.strategies"
LEDGER = "mcp_router.ledger.ledger"
REFUSAL = "mcp_router.execute.refusal"
DELIVERY = "mcp_router.execute.delivery"
RECONCILER = "mcp_router.execute.reconciler"
WORLD = "benchmarks.simulation.world"

CHAIN = (
    MACHINE,
    ADMISSION,
    STRATEGIES,
    LEDGER,
    REFUSAL,
    DELIVERY,
    RECONCILER,
    "mcp_router.actions",
    "benchmarks.simulation.walks",
    WORLD,
)
"""What is built anew for a mutant, each file after those it imports; the rest is shared."""


class Play(Protocol):
    """Lets one schedule happen."""

    def __call__(
        self, seed: int, strategy: Strategy | None = None, trace: Trace | None = None
    ) -> Verdict:
        """Return whether every promise was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Exact source text, and what stands there instead."""

    module: str
    text: str
    instead: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A rule that is taken away; one of `checks` notices, with the desks of `strategy`.

    `start` is a seed from which on that is soon: a hint that saves time, and may grow old.
    """

    name: str
    cuts: tuple[Cut, ...]
    checks: frozenset[Check]
    strategy: Strategy | None = None
    start: int = 1


MUTANTS = (
    Mutant(
        name="fence",
        cuts=(
            Cut(
                module=MACHINE,
                text="        owner=owner,\n        fence=action.fence + 1,\n",
                instead="        owner=owner,\n",
            ),
        ),
        checks=frozenset({Check.FENCE}),
    ),
    Mutant(
        name="sending-after-send",
        cuts=(
            Cut(
                module=DELIVERY,
                text="""                action = await self._start(action, desk, shipment, version)

            action, failure = await self._send(action, desk, shipment)
""",
                instead="""
            action, failure = await self._send(action, desk, shipment)
            if action.state is ActionState.RESERVED:
                action = await self._start(action, desk, shipment, version)
""",
            ),
        ),
        checks=frozenset({Check.UNANNOUNCED}),
        strategy=Strategy.CAS_MARKER,
    ),
    Mutant(
        name="same-stamp",
        cuts=(
            Cut(
                module=STRATEGIES,
                text="return Recourse.RESEND if version.settled else Recourse.WAIT",
                instead="return Recourse.RESEND",
            ),
            Cut(
                module=DELIVERY,
                text="if version is None or version.settled or self._is_late(shipment):",
                instead="if True:",
            ),
        ),
        start=4200,
        checks=frozenset({Check.TWICE}),
        strategy=Strategy.CAS_MARKER,
    ),
    Mutant(
        name="version-after-probe",
        cuts=(
            Cut(
                module=DELIVERY,
                text="""        version = None

        if needs_version(action.strategy):
            version = await desk.precondition(shipment.write, timeout_s=self._left_s(shipment))

        found = await desk.probe(
            shipment.write, marker=action.marker, timeout_s=self._left_s(shipment)
        )
        return version, found
""",
                instead="""        version = None
        found = await desk.probe(
            shipment.write, marker=action.marker, timeout_s=self._left_s(shipment)
        )

        if needs_version(action.strategy):
            version = await desk.precondition(shipment.write, timeout_s=self._left_s(shipment))

        return version, found
""",
            ),
        ),
        checks=frozenset({Check.HAD_EFFECT}),
        strategy=Strategy.CAS_MARKER,
    ),
    Mutant(
        name="blind-resend",
        cuts=(
            Cut(
                module=ADMISSION,
                text="return Admission.PROCEED if fresh else Admission.RECONCILE",
                instead="return Admission.PROCEED",
            ),
        ),
        checks=frozenset({Check.TWICE}),
        strategy=Strategy.CAS_MARKER,
    ),
    Mutant(
        name="key-window",
        cuts=(
            Cut(
                module=STRATEGIES,
                text="action.sent_ago_ms is not None and action.sent_ago_ms < NATIVE_KEY_MS",
                instead="True",
            ),
        ),
        checks=frozenset({Check.TWICE}),
        strategy=Strategy.NATIVE_KEY,
    ),
    Mutant(
        name="settle-window",
        cuts=(
            Cut(
                module=STRATEGIES,
                text="return Recourse.WAIT if young else Recourse.PERSON",
                instead="return Recourse.NEVER",
            ),
        ),
        checks=frozenset({Check.AFTER_FAILED, Check.HAD_EFFECT}),
        strategy=Strategy.MARKER_PROBE,
    ),
    Mutant(
        name="conflict-believed",
        cuts=(
            Cut(
                module=REFUSAL,
                text="return needs_version(strategy)",
                instead="return False",
            ),
        ),
        checks=frozenset({Check.HAD_EFFECT, Check.DENIED}),
        strategy=Strategy.CAS_MARKER,
    ),
    Mutant(
        name="standstill",
        cuts=(
            Cut(
                module=DELIVERY,
                text="        if self._is_late(shipment):\n            # This process may",
                instead="        if False:\n            # This process may",
            ),
        ),
        start=4200,
        checks=frozenset({Check.AFTER_FAILED, Check.TWICE, Check.HAD_EFFECT}),
        strategy=Strategy.UNIQUE_INDEX,
    ),
    Mutant(
        name="person-saw-less",
        cuts=(
            Cut(
                module=LEDGER,
                text="if ref is None and (existing.state",
                instead="if False and (existing.state",
            ),
        ),
        start=1800,
        checks=frozenset({Check.AFTER_FAILED, Check.HAD_EFFECT}),
        strategy=Strategy.UNIQUE_INDEX,
    ),
    Mutant(
        name="take-over-forgotten",
        cuts=(
            Cut(
                module=RECONCILER,
                text="            self._ledger.abandon(replace(action, owner=owner))\n",
                instead="",
            ),
        ),
        start=800,
        checks=frozenset({Check.STUCK}),
    ),
    Mutant(
        name="deadline-after-take-over",
        cuts=(
            Cut(
                module=RECONCILER,
                text="            ends_s=ends_s,\n",
                instead="            ends_s=self._clock.monotonic_s() + self._pace.deadline_s,\n",
            ),
        ),
        start=4500,
        checks=frozenset({Check.TWICE}),
        strategy=Strategy.NATIVE_KEY,
    ),
)


def build(mutant: Mutant) -> Play:
    """Return `play` of a world whose router is the mutant.

    Raises:
        LookupError: the router's source has no such text any more, or more than once.
    """
    sources = {name: getsource(import_module(name)) for name in CHAIN}

    for cut in mutant.cuts:
        found = sources[cut.module].count(cut.text)

        if found != 1:
            raise LookupError(f"{mutant.name}: the text is {found} times in {cut.module}")

        sources[cut.module] = sources[cut.module].replace(cut.text, cut.instead)

    return _run_all(sources, mutant.name)


def _run_all(sources: Mapping[str, str], name: str) -> Play:
    """Run the sources as modules that import each other, and put the real ones back."""
    real = {place: sys.modules[place] for place in sources}

    try:
        for place, source in sources.items():
            module = ModuleType(place)
            _put(place, module)
            exec(compile(source, f"<{name}: {place}>", "exec"), module.__dict__)

        play: Play = sys.modules[WORLD].play
        return play
    finally:
        for place, module in real.items():
            _put(place, module)


def _put(place: str, module: ModuleType) -> None:
    """Let imports of that name find this module, also as a part of its package."""
    package, _, name = place.rpartition(".")
    sys.modules[place] = module
    setattr(sys.modules[package], name, module)


def first_broken(
    play: Play, seeds: range, strategy: Strategy | None, checks: frozenset[Check]
) -> Verdict | None:
    """Return the first schedule that breaks one of these promises, or None where all hold."""
    for seed in seeds:
        verdict = play(seed, strategy)

        if verdict.check in checks:
            return verdict

    return None
