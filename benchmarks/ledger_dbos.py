"""A DBOS workflow with one step that does nothing, on a system database in the same place."""

import itertools
import os
from functools import cache

from dbos import DBOS, SetWorkflowID

from benchmarks.ledger_loads import TEXT
from benchmarks.ledger_timing import Timing, drive_threads


def workflows(url: str, callers: int, seconds: float) -> Timing:
    """Run new workflows, each to its end, as the threads of a program call them."""
    _launch(url)
    numbers = itertools.count(1)
    run = os.urandom(4).hex()

    def act() -> None:
        with SetWorkflowID(f"{run}-{next(numbers)}"):
            _reply("101", TEXT)

    return drive_threads(act, callers, seconds)


@cache
def _launch(url: str) -> None:
    DBOS(
        config={
            "name": "replies",
            "system_database_url": url,
            "application_version": "1",
            "log_level": "CRITICAL",
        }
    )
    DBOS.launch()


@DBOS.step()  # type: ignore[untyped-decorator]  # mypy skips the package: not everybody has it
def _send(ticket_id: str, body: str) -> str:
    return "7"


@DBOS.workflow()  # type: ignore[untyped-decorator]  # see above
def _reply(ticket_id: str, body: str) -> str:
    return str(_send(ticket_id, body))
