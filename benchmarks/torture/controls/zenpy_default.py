"""Control: zenpy as its documentation shows it, tried again when it raises; done keys are noted.

zenpy's default session lets urllib3 send a PUT again when the connection breaks, a read times out
or 413 or 503 comes, up to three times (`Zenpy.http_adapter_kwargs`), and a public reply is a PUT.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import requests as http
from zenpy import Zenpy
from zenpy.lib.api_objects import Comment, Ticket
from zenpy.lib.exception import APIException, ZenpyException

from benchmarks.torture.access import DeskAccess
from benchmarks.torture.controls.done import serve_noted
from benchmarks.torture.controls.sender import TIMEOUT_S, Refused, Unanswered
from benchmarks.torture.controls.wishes import Wish


def serve(
    requests: TextIO,
    answers: TextIO,
    desk: DeskAccess,
    folder: Path,
    failpoint: Callable[[str], None],
) -> None:
    """Serve wishes until the input ends."""
    client = _Client(desk)

    def send(wish: Wish) -> None:
        failpoint("before_send")
        client.reply(wish)
        failpoint("after_send")

    try:
        serve_noted(requests, answers, folder, failpoint, send)
    finally:
        client.close()


class _Client:
    """zenpy with the session that it makes itself."""

    def __init__(self, desk: DeskAccess) -> None:
        # zenpy joins the two with a dot and offers no other way to say where the desk is.
        subdomain, _, domain = desk.base_url.removeprefix("https://").partition(".")
        self._zenpy = Zenpy(
            subdomain=subdomain,
            domain=domain,
            email=desk.email,
            token=desk.token,
            timeout=TIMEOUT_S,
        )
        session = self._zenpy.tickets.session
        session.verify = str(desk.ca_bundle)
        session.trust_env = False  # a CA bundle of the environment would win over `verify`

    def reply(self, wish: Wish) -> None:
        """Send the reply as zenpy does it, which may be more than once."""
        comment = Comment(body=wish.body, public=True)

        try:
            self._zenpy.tickets.update(Ticket(id=int(wish.ticket_id), comment=comment))
        except APIException as error:
            status = error.response.status_code

            if 400 <= status < 500 and status != 429:
                raise Refused(str(status)) from error

            raise Unanswered(str(status)) from error
        except (ZenpyException, http.RequestException) as error:
            raise Unanswered(type(error).__name__) from error

    def close(self) -> None:
        """Close the session's connections."""
        self._zenpy.tickets.session.close()
