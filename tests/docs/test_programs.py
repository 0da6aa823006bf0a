"""The programs that the pages show run as they stand there."""

import hashlib
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import anyio
import pytest

from mcp_router.alerts.standard_webhooks import key_of
from mcp_router.alerts.webhook import body_of, headers_of
from mcp_router.app import open_app
from mcp_router.clock import SystemClock
from mcp_router.domain.alert import Alert, AlertKind
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.http import asgi
from mcp_router.settings import parse_settings
from tests.docs.pages import Block, blocks
from tests.examples.hosts import environment_in, run_example
from tests.served import served


def program(page: str, first_line: str) -> Block:
    [found] = [
        block
        for block in blocks("python")
        if block.page.name == page and block.code.startswith(first_line)
    ]
    return found


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as running:
        yield running


def test_every_program_is_run_here_or_says_what_it_needs() -> None:
    first_lines = {str(block): block.code.splitlines()[0] for block in blocks("python")}

    assert sorted(first_lines.values()) == [
        "# needs: openai-agents",
        "# run: a sandbox over HTTP",
        "# run: checks a webhook",
        "# run: over stdio",
        "from mcp_router.sandbox.faults import Fault, FaultKind",
        "import hashlib",
    ]


def test_a_host_asks_and_is_told_why(tmp_path: Path) -> None:
    script = tmp_path / "host.py"
    script.write_text(program("hosts.md", "# run: over stdio").code, encoding="utf-8")

    run = run_example(script, environment_in(tmp_path))

    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"cost: gpt-5-nano, \$0\.\d{6}", run.stdout.splitlines()[0])
    assert 'The customer very likely wants "password_reset"' in run.stdout


async def test_a_lost_answer_is_one_update(tmp_path: Path, sandbox: Sandbox) -> None:
    script = tmp_path / "lost.py"
    script.write_text(program("sandbox.md", "# run: a sandbox").code, encoding="utf-8")
    storage = f"sqlite:///{tmp_path / 'router.db'}"
    settings = parse_settings(sandbox.router_yaml(storage), file="router.yaml", environ={})

    async with open_app(settings) as app, served(asgi(app)) as url:
        printed = await output_of(
            script, f"{url}/mcp", sandbox.zendesk.url, str(sandbox.certificate.ca_file)
        )

    assert printed == ["succeeded replayed", "{'PUT /api/v2/tickets/105.json': 1}"]


async def output_of(script: Path, *arguments: str) -> list[str]:
    """Run a script beside the server of this event loop."""
    command = [sys.executable, str(script), *arguments]
    run = await anyio.run_process(command, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout.decode().splitlines()


def test_the_sandbox_is_a_context_manager() -> None:
    source = program("sandbox.md", "from mcp_router.sandbox").code
    names: dict[str, object] = {}

    exec(compile(source, "sandbox.md", "exec"), names)

    assert str(names["router_yaml"]).startswith("storage: sqlite:///router.db\n")
    assert names["updates"] == 0


def test_the_check_of_a_webhook_takes_ours_and_no_other() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    names: dict[str, object] = {}
    exec(compile(program("alerts.md", "# run: checks").code, "alerts.md", "exec"), names)
    check = names["is_genuine"]
    assert callable(check)
    now_s = SystemClock().now_ms() // 1000
    alert = Alert(alert_id="alr_1", kind=AlertKind.ERROR_BURST, key="k", at_ms=0)
    body = body_of(alert)
    old_key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx")

    for at_s, expected in ((now_s, True), (now_s - 400, False)):
        headers = dict(headers_of(alert, body, keys=(old_key, key_of(secret)), now_s=at_s))
        assert check(headers, body, secret) is expected
        assert check(headers, body + b" ", secret) is False
        assert check(headers | {"webhook-id": "alr_2"}, body, secret) is False


def test_a_token_and_its_digest_are_printed() -> None:
    source = program("configuration.md", "import hashlib").code
    printed = StringIO()

    with redirect_stdout(printed):
        exec(compile(source, "configuration.md", "exec"), {})

    token, digest = printed.getvalue().split()
    assert digest == hashlib.sha256(token.encode()).hexdigest()
