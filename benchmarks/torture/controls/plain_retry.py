"""Control: one HTTP request, tried again on a timeout, a reset and a 5xx; done keys are noted.

The usual few lines around a client. It sends twice whenever the first request was applied and its
answer lost, or the process ended before the note was on disk.
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
            failpoint("before_send")
            sender.reply(wish)
            failpoint("after_send")

        serve_noted(requests, answers, folder, failpoint, send)
