"""Control: the reply carries a marker, and before every send the ticket's audits are read for it.

It survives lost answers and crashes. It sends twice when the first request is applied after the
probe: nothing makes the second one depend on what the probe saw.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from benchmarks.torture.access import DeskAccess
from benchmarks.torture.controls.done import serve_noted
from benchmarks.torture.controls.sender import Sender
from benchmarks.torture.controls.wishes import Wish


def serve(
    requests: TextIO,
    answers: TextIO,
    desk: DeskAccess,
    folder: Path,
    failpoint: Callable[[str], None],
) -> None:
    """Serve wishes until the input ends."""
    with Sender(desk) as sender:

        def send(wish: Wish) -> None:
            if sender.has_reply(wish):  # before the first send too: an earlier process may have
                return

            failpoint("before_send")
            sender.reply(wish, marked=True)
            failpoint("after_send")

        serve_noted(requests, answers, folder, failpoint, send)
