"""The negative controls act twice where their design says so, and only there."""

import json
import threading
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from benchmarks.torture.access import DeskAccess
from benchmarks.torture.controls import plain_retry, probe_then_resend, zenpy_default
from benchmarks.torture.controls.catalog import CONTROLS, Control, Serve
from mcp_router.sandbox.credentials import ZENDESK_EMAIL, ZENDESK_TOKEN
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox

TICKET = 101
ALL = (zenpy_default.serve, plain_retry.serve, probe_then_resend.serve)
TWICE = (zenpy_default.serve, plain_retry.serve)


class Killed(BaseException):
    """The process would have ended here."""


class Host:
    """Asks one control for one reply, as often as it takes."""

    def __init__(self, serve: Serve, sandbox: Sandbox, folder: Path) -> None:
        self._serve = serve
        self._sandbox = sandbox
        self._folder = folder
        self._key = folder.name  # the desk remembers earlier tests
        self._body = f"Asked in {folder}"

    def ask(self, failpoint: Callable[[str], None] = lambda name: None) -> bool:
        """Return whether the control says that it is done."""
        wish = {"key": self._key, "ticket_id": str(TICKET), "body": self._body}
        answers = StringIO()
        self._serve(
            StringIO(json.dumps(wish) + "\n"),
            answers,
            DeskAccess(
                base_url=self._sandbox.zendesk.url,
                email=ZENDESK_EMAIL,
                token=ZENDESK_TOKEN,
                ca_bundle=self._sandbox.certificate.ca_file,
            ),
            self._folder,
            failpoint,
        )
        answer = json.loads(answers.getvalue())
        assert answer == {"key": self._key, "ok": answer["ok"]}
        return bool(answer["ok"])

    def ask_until(self, last: str) -> None:
        """Ask, and let the process end at that point."""

        def failpoint(name: str) -> None:
            if name == last:
                raise Killed

        with pytest.raises(Killed):
            self.ask(failpoint)

    def replies(self) -> int:
        comments = self._sandbox.zendesk_state.comments(TICKET)
        return sum(one.body == self._body and one.public for one in comments)

    def wait_for(self, replies: int) -> bool:
        until_s = time.monotonic() + 20

        while self.replies() < replies and time.monotonic() < until_s:
            threading.Event().wait(0.01)

        return self.replies() == replies


@pytest.fixture(params=ALL, ids=lambda serve: serve.__module__.rpartition(".")[2])
def host(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Host:
    return Host(request.param, sandbox, tmp_path)


def expected(request: pytest.FixtureRequest) -> int:
    return 2 if request.node.callspec.params["host"] in TWICE else 1


def test_control_replies_once_where_nothing_goes_wrong(host: Host) -> None:
    assert host.ask()
    assert host.ask()
    assert host.replies() == 1


def test_lost_answer_is_sent_again_without_a_look(
    host: Host, sandbox: Sandbox, request: pytest.FixtureRequest
) -> None:
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.DROP_AFTER, method="PUT"))

    assert host.ask()
    assert host.replies() == expected(request)


def test_end_between_send_and_note_is_sent_again_without_a_look(
    host: Host, request: pytest.FixtureRequest
) -> None:
    host.ask_until("after_send")

    assert host.ask()
    assert host.replies() == expected(request)


def test_request_that_lands_late_is_doubled_by_every_control(host: Host, sandbox: Sandbox) -> None:
    sandbox.zendesk.faults.add(Fault(kind=FaultKind.LATE, method="PUT", delay_s=2))

    assert host.ask()
    assert host.wait_for(replies=2)


def test_end_after_the_note_is_repeated_from_it(host: Host) -> None:
    host.ask_until("after_save")

    assert host.ask()
    assert host.replies() == 1


def test_note_that_was_cut_off_does_not_count(host: Host, tmp_path: Path) -> None:
    (tmp_path / "done").write_text(tmp_path.name, encoding="utf-8")

    assert host.ask()
    assert host.replies() == 1


def test_refused_reply_is_not_tried_again(host: Host, sandbox: Sandbox) -> None:
    refusal = Fault(kind=FaultKind.STATUS, status=422, method="PUT", body='{"error": "no"}')
    sandbox.zendesk.faults.add(refusal)

    assert not host.ask()
    assert host.replies() == 0


def test_control_names_what_is_not_installed() -> None:
    control = Control(
        name="a tool",
        serve=plain_retry.serve,
        needs=("pytest", "mcp-router-no-such-distribution"),
    )

    assert control.missing() == ("mcp-router-no-such-distribution",)


def test_controls_have_names_of_their_own() -> None:
    names = [control.name for control in CONTROLS]

    assert len(set(names)) == len(names) == 5
