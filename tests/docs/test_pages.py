"""The pages hang together: generated parts are up to date, links lead somewhere, code is code."""

import ast
import json
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from mcp_router.cli.main import main
from mcp_router.marked_yaml import parse_yaml
from tests.docs.generate import BLOCK, BLOCKS, rewritten
from tests.docs.pages import LINKED, PAGES, Block, anchors, blocks, links, text
from tests.examples.hosts import EXAMPLES
from tests.source_tree import CHECKOUT


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_parts_are_what_the_code_says_now(page: Path) -> None:
    now = page.read_text(encoding="utf-8")

    assert rewritten(now) == now, "run: python -m tests.docs.generate"


def test_every_generated_part_stands_on_exactly_one_page() -> None:
    found = [match["name"] for page in PAGES for match in BLOCK.finditer(text(page.name))]

    assert sorted(found) == sorted(BLOCKS)


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    broken = []

    for link in links(page):
        if re.match(r"https?://", link):
            continue

        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page

        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_the_index_leads_to_every_page() -> None:
    index = next(page for page in PAGES if page.name == "README.md")

    assert sorted({"README.md", *links(index)}) == [page.name for page in PAGES]


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    assert json.loads(block.code)


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_yaml_for_the_router_and_for_everybody_else(block: Block) -> None:
    assert yaml.safe_load(block.code)
    assert parse_yaml(block.code.encode(), file=str(block)).problems == ()


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_is_python(block: Block) -> None:
    assert ast.parse(block.code).body


def commands() -> list[tuple[str, str]]:
    """Return every command line of the docs and the README, in blocks and in sentences."""
    lines = [(str(one), line) for one in blocks("sh") for line in one.code.splitlines()]

    for page in (*PAGES, CHECKOUT / "README.md"):
        found = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
        lines += [(page.name, line) for line in dict.fromkeys(found)]

    return [(place, line) for place, line in lines if line.startswith("mcp-router ")]


@pytest.mark.parametrize(("place", "line"), commands())
def test_commands_and_their_options_exist(place: str, line: str) -> None:
    arguments = shlex.split(line)[1:]
    command: click.Command = main
    context = click.Context(main, info_name="mcp-router")

    while isinstance(command, click.Group) and arguments:
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None, place
        command = found
        context = click.Context(command, info_name=name, parent=context)

    options = {name for one in command.params for name in one.opts}
    assert {one for one in arguments if one.startswith("-")} - options == set()


def test_the_blocks_for_hosts_are_the_files_to_copy() -> None:
    shown = [json.loads(block.code) for block in blocks("json") if block.page.name == "hosts.md"]
    files = ("claude_desktop/claude_desktop_config.json", "vscode/mcp.json")

    assert shown[:2] == [json.loads((EXAMPLES / one).read_text(encoding="utf-8")) for one in files]
