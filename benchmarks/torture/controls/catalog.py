"""The negative controls: ways of writing to a desk that are bound to act twice.

A proof that finds no duplicate is worth what its controls are: under the same faults each of these
has to be caught. They are written as their tools' documentation shows it, and lose only by what
the tool does not do.
"""

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from benchmarks.torture.access import DeskAccess


class Serve(Protocol):
    """Serves wishes, one JSON line each, until the input ends; `folder` outlives the process."""

    def __call__(
        self,
        requests: TextIO,
        answers: TextIO,
        desk: DeskAccess,
        folder: Path,
        failpoint: Callable[[str], None],
    ) -> None:
        """Read `{"key", "ticket_id", "body"}` lines, answer `{"key", "ok"}` lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One way of writing; `needs` are distributions that are no dependency of the project."""

    name: str
    serve: Serve
    needs: tuple[str, ...] = ()

    def missing(self) -> tuple[str, ...]:
        """Return what has to be installed before `serve` can be called."""
        return missing(self.needs)


def missing(distributions: tuple[str, ...]) -> tuple[str, ...]:
    """Return those that are not installed."""
    return tuple(name for name in distributions if not _is_installed(name))


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False

    return True


def _late(module: str) -> Serve:
    """Return the `serve` of a control, whose file is imported only when it is called."""

    def serve(
        requests: TextIO,
        answers: TextIO,
        desk: DeskAccess,
        folder: Path,
        failpoint: Callable[[str], None],
    ) -> None:
        control = importlib.import_module(f"benchmarks.torture.controls.{module}")
        control.serve(requests, answers, desk, folder, failpoint)

    return serve


CONTROLS = (
    Control(name="zenpy, default session", serve=_late("zenpy_default")),
    Control(name="plain retry", serve=_late("plain_retry")),
    Control(name="probe, then resend", serve=_late("probe_then_resend")),
    Control(
        name="Powertools idempotency",
        serve=_late("powertools"),
        needs=("aws-lambda-powertools", "boto3"),
    ),
    Control(name="DBOS step", serve=_late("dbos_step"), needs=("dbos",)),
)
