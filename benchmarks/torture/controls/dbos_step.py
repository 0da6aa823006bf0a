"""Control: a DBOS workflow named by the key, the send its one step, with retries, over SQLite.

DBOS records a step's output after the step has run, so a step is carried out at least once
(docs.dbos.dev, "Steps"): it sends twice when an answer is lost, and when the process ends between
the send and the record, since a new process takes the workflow up again.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from dbos import DBOS, SetWorkflowID, error

from benchmarks.torture.access import DeskAccess
from benchmarks.torture.controls.sender import ATTEMPTS, Refused, Sender
from benchmarks.torture.controls.wishes import Wish, serve_each


def serve(
    requests: TextIO,
    answers: TextIO,
    desk: DeskAccess,
    folder: Path,
    failpoint: Callable[[str], None],
) -> None:
    """Serve wishes until the input ends."""
    DBOS(
        config={
            "name": "replies",
            "system_database_url": f"sqlite:///{folder / 'dbos.db'}",
            "application_version": "1",
            "log_level": "CRITICAL",
        }
    )

    with Sender(desk) as sender:

        @DBOS.step(
            retries_allowed=True,
            interval_seconds=0.05,
            max_attempts=ATTEMPTS,
            should_retry=_is_worth_a_retry,
        )  # type: ignore[untyped-decorator]  # not every machine has the package, so mypy skips it
        def send(key: str, ticket_id: str, body: str) -> bool:
            failpoint("before_send")
            sender.reply(Wish(key=key, ticket_id=ticket_id, body=body))
            failpoint("after_send")
            failpoint("before_save")  # DBOS records the output as soon as the step returns
            return True

        @DBOS.workflow()  # type: ignore[untyped-decorator]  # see above
        def reply(key: str, ticket_id: str, body: str) -> bool:
            sent = send(key, ticket_id, body)
            failpoint("after_save")
            return bool(sent)

        def act(wish: Wish) -> bool:
            with SetWorkflowID(wish.key):
                handle = DBOS.start_workflow(reply, wish.key, wish.ticket_id, wish.body)

            try:
                return bool(handle.get_result())
            except (error.DBOSException, Refused):
                return False

        DBOS.launch()  # takes up what an earlier process left

        try:
            serve_each(requests, answers, act)
        finally:
            DBOS.destroy()


def _is_worth_a_retry(error: BaseException) -> bool:
    return not isinstance(error, Refused)
