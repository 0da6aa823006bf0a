"""The official conformance suite, on the application that users run."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from starlette.types import ASGIApp

from mcp_router.app import open_app
from mcp_router.serve.http import asgi
from mcp_router.serve.mcp import build_server
from mcp_router.settings import parse_settings
from mcp_router.tools.registry import REGISTRY
from tests.conformance.content_fixtures import mount_content
from tests.conformance.dialogue_fixtures import mount_dialogue
from tests.node_tools import NodeTools, require_node_tools
from tests.served import served

HERE = Path(__file__).parent
REVISIONS = ("2025-11-25", "2026-07-28")

SCENARIO_FOLDER = re.compile(r"^server-(.+)-\d{4}-\d\d-\d\dT.*$")

# What our transport cannot do; the same server does it over a stream with a session.
NEEDS_A_STREAM = (
    ("2025-11-25", "tools-call-with-progress"),
    ("2025-11-25", "tools-call-sampling"),
    ("2025-11-25", "tools-call-elicitation"),
    ("2025-11-25", "elicitation-sep1034-defaults"),
    ("2025-11-25", "elicitation-sep1330-enums"),
    ("2025-11-25", "server-sse-multiple-streams"),
    ("2026-07-28", "tools-call-with-progress"),
)

# The suite runs these without asking for them yet.
PASSED_UNASKED = {
    "2025-11-25": set[str](),
    "2026-07-28": {"http-custom-header-server-validation", "http-header-validation"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of one scenario, as the suite wrote it down."""

    scenario: str
    id: str
    status: str
    details: dict[str, object]


@pytest.fixture
def node() -> NodeTools:
    return require_node_tools()


@asynccontextmanager
async def application(folder: Path, *, streaming: bool = False) -> AsyncIterator[ASGIApp]:
    """Yield the application with the suite's fixtures mounted on its server."""
    text = f"storage: sqlite:///{folder}/router.db\n"
    settings = parse_settings(text, file="router.yaml", environ={})

    async with open_app(settings) as app:
        server = build_server(app)
        mount_content(server)
        mount_dialogue(server)
        yield server.streamable_http_app() if streaming else asgi(app, server=server)


def expected_failures(revision: str) -> set[str]:
    document = yaml.safe_load((HERE / f"{revision}.yml").read_text(encoding="utf-8"))
    return set(document["server"])


def required_scenarios(node: NodeTools, revision: str) -> set[str]:
    folder = node.modules / "@modelcontextprotocol" / "conformance" / "requirements"
    document = yaml.safe_load((folder / f"{revision}.yaml").read_text(encoding="utf-8"))
    return set(document["server"])


def read_checks(results: Path) -> list[Check]:
    """Return every check; the suite makes a folder `server-<scenario>-<time>` for each scenario."""
    return [
        Check(
            scenario=SCENARIO_FOLDER.sub(r"\1", path.parent.name),
            id=check["id"],
            status=check["status"],
            details=check.get("details") or {},
        )
        for path in results.glob("*/checks.json")
        for check in json.loads(path.read_text(encoding="utf-8"))
    ]


def detail(checks: list[Check], scenario: str, name: str) -> object:
    return next(
        one.details[name] for one in checks if one.scenario == scenario and name in one.details
    )


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_expected_failure_says_why(revision: str) -> None:
    lines = (HERE / f"{revision}.yml").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line.startswith("  - ")]

    assert len(entries) == len(expected_failures(revision))
    assert [line for line in entries if len(line.partition("  # ")[2]) < len("the same")] == []


def test_a_stream_is_all_that_the_transport_failures_lack() -> None:
    optional = {
        "logging-set-level",
        "tools-call-with-logging",
        "resources-subscribe",
        "resources-unsubscribe",
    }
    named = {
        revision: {scenario for of, scenario in NEEDS_A_STREAM if of == revision}
        for revision in REVISIONS
    }

    assert expected_failures("2025-11-25") == named["2025-11-25"] | optional
    assert expected_failures("2026-07-28") == named["2026-07-28"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("revision", REVISIONS)
async def test_the_application_meets_a_revision(
    revision: str, node: NodeTools, tmp_path: Path
) -> None:
    async with application(tmp_path) as app, served(app) as url:
        output = await node.run(
            "conformance",
            "server",
            *("--url", f"{url}/mcp", "--requirements", revision),
            *("--expected-failures", str(HERE / f"{revision}.yml")),
            *("--output-dir", str(tmp_path / "results")),
            timeout_s=90,
        )

    checks = read_checks(tmp_path / "results")
    required = required_scenarios(node, revision)
    failed = {one.scenario for one in checks if one.status in {"FAILURE", "WARNING"}}
    passed = {one.scenario for one in checks if one.status == "SUCCESS"}
    assert failed & required == expected_failures(revision)
    assert required - failed - passed == set(), "passed without a check"
    assert PASSED_UNASKED[revision] <= passed - failed
    assert output.code == 0, output.out[-2000:]

    # The suite took our server for what it is, and its fixtures for what they are: an unknown
    # tool's error would satisfy these two scenarios as well.
    tools = detail(checks, "tools-list", "tools")
    assert isinstance(tools, list)
    assert tools[: len(REGISTRY)] == [tool.name for tool in REGISTRY]
    for scenario, text in (
        ("tools-call-simple-text", "This is a simple text response for testing."),
        ("tools-call-error", "This tool intentionally returns an error for testing"),
    ):
        assert text in json.dumps(detail(checks, scenario, "result"))


@pytest.mark.timeout(60)
async def test_the_transport_is_the_only_reason(node: NodeTools, tmp_path: Path) -> None:
    codes: dict[tuple[str, str], int] = {}

    async with application(tmp_path, streaming=True) as app, served(app) as url:
        for revision, scenario in NEEDS_A_STREAM:
            output = await node.run(
                "conformance",
                "server",
                *("--url", f"{url}/mcp", "--spec-version", revision, "--scenario", scenario),
                *("--output-dir", str(tmp_path / revision)),
                timeout_s=20,
            )
            codes[revision, scenario] = output.code

    assert codes == dict.fromkeys(NEEDS_A_STREAM, 0)
