"""The report as a table, as JSON and as a page that needs nothing else."""

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mcp_router.cli.report_html import page
from mcp_router.domain.selection import EVERYTHING, Selection
from mcp_router.report import report
from tests.cli.running import run, told
from tests.end_to_end.harness import Place
from tests.glances import attempt, completion, days

MARKUP = "<script>alert(1)</script>"
EMPTY = {"br", "link", "meta"}


class Checked(HTMLParser):
    """Reads a page and complains about what does not close, and about what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [name for name, _ in attrs if name in {"src", "href", "action", "onload"}]

        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(text: str) -> Checked:
    parser = Checked()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def whole_page() -> str:
    return page(report(days(1_500), compare=("support@1", "support@2")), EVERYTHING)


def test_the_page_is_well_formed_and_asks_for_nothing(whole_page: str) -> None:
    found = checked(whole_page)

    assert found.tags & {"script", "link", "img", "iframe", "object", "form"} == set()
    assert found.fetched == []
    assert "url(" not in whole_page
    assert "http://" not in whole_page
    assert "https://" not in whole_page
    assert "default-src 'none'" in whole_page


def test_every_chart_is_a_drawing_of_its_own(whole_page: str) -> None:
    charts = re.findall(r"<svg class=\"chart\".*?</svg>", whole_page, re.DOTALL)

    assert [ElementTree.fromstring(one).get("aria-label") for one in charts] == [
        "by intent",
        "cost over time",
        "latency over time",
        "calls over time",
        "failures over time",
    ]


def test_the_page_has_a_style_for_the_dark_and_for_paper(whole_page: str) -> None:
    assert "prefers-color-scheme: dark" in whole_page
    assert "@media print" in whole_page


def test_no_name_is_markup() -> None:
    call = completion(
        attempt(MARKUP, cost_microusd=5),
        intent=MARKUP,
        policy=MARKUP,
        tenant=MARKUP,
        customer_id=MARKUP,
        ticket_id=MARKUP,
        error_code=MARKUP,
    )

    text = page(report([call], compare=(MARKUP, MARKUP)), Selection(tenant=MARKUP))

    assert checked(text).tags & {"script"} == set()
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_short_log_makes_a_page_too(calls: int) -> None:
    checked(page(report(list(days(2_000))[:calls]), EVERYTHING))


def test_the_table_tells_cost_by_intent_and_stage(worked: Place) -> None:
    result = run("audit", "report", "--config", worked.file, "--compare", "support@1", "support@2")

    assert result.exit_code == 0
    assert result.stdout.startswith("The decision log, 20")

    for word in ("password_reset", "support@2", "reply_to_ticket", "advice", "before and after"):
        assert word in result.stdout


def test_the_same_report_comes_from_the_store_and_from_its_export(
    worked: Place, tmp_path: Path
) -> None:
    exported = tmp_path / "log.jsonl"
    run("audit", "export", "--config", worked.file, "--output", exported)

    kept = told(run("audit", "report", "--config", worked.file, "--json"))
    found = told(run("audit", "report", "--log", exported, "--json"))

    moving = {"changes", "last_ms"}  # that it was exported is a row of the store
    assert {**found, **{one: kept[one] for one in moving}} == kept
    assert found["calls"] == 3


def test_a_report_can_be_narrowed(worked: Place, tmp_path: Path) -> None:
    exported = tmp_path / "log.jsonl"
    run("audit", "export", "--config", worked.file, "--output", exported)

    for source in (("--config", worked.file), ("--log", exported)):
        found = told(run("audit", "report", *source, "--json", "--intent", "password_reset"))
        none = told(run("audit", "report", *source, "--json", "--tenant", "nobody"))
        assert (found["calls"], none["calls"]) == (1, 0)


def test_the_page_is_written_beside_the_json(worked: Place, tmp_path: Path) -> None:
    html = tmp_path / "report.html"

    result = run("audit", "report", "--config", worked.file, "--html", html, "--json")

    assert json.loads(result.stdout)["calls"] == 3
    assert "password_reset" in html.read_text(encoding="utf-8")
    assert run("audit", "report", "--config", worked.file, "--html", html).stdout == ""


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--log", "{folder}/none"), 1, "file_unusable: The export cannot be read"),
        (("--html", "{folder}/no/page"), 1, "file_unusable: The output file cannot be written"),
        (("--compare", "support@1"), 2, "Error: Option "),
        (("--to", "soon"), 2, "Usage: "),
        (("--tenant", "a\udcff"), 2, "Usage: "),
        (("--compare", "support@1", "a\udcff"), 2, "Usage: "),
    ],
)
def test_wrong_input_is_told(
    worked: Place, tmp_path: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    given = [one.replace("{folder}", str(tmp_path)) for one in options]

    result = run("audit", "report", "--config", worked.file, *given)

    assert result.exit_code == code
    assert result.stderr.startswith(message)
