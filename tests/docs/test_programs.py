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

from mcp_router.app import open_app
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


def test_a_token_and_its_digest_are_printed() -> None:
    source = program("configuration.md", "import hashlib").code
    printed = StringIO()

    with redirect_stdout(printed):
        exec(compile(source, "configuration.md", "exec"), {})

    token, digest = printed.getvalue().split()
    assert digest == hashlib.sha256(token.encode()).hexdigest()
