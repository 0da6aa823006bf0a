from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mcp_router import __version__
from mcp_router.cli.main import main
from tests.cli.running import run

COMMANDS = {
    "demo": set(),
    "serve": set(),
    "doctor": set(),
    "route": set(),
    "policy": {"check", "show"},
    "actions": {"list", "resolve", "show"},
    "audit": {"export", "key", "prune", "sign", "verify"},
}
NEED_SETTINGS = [
    ("serve",),
    ("doctor",),
    ("route", "questions.txt"),
    ("actions", "list"),
    ("actions", "show", "act_x"),
    ("audit", "export"),
    ("audit", "key"),
    ("audit", "prune", "--older-than", "1d"),
    ("audit", "sign"),
    ("audit", "verify"),
]


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path

    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from walk(below, (*path, name))


def found(path: tuple[str, ...]) -> click.Command:
    command: click.Command = main

    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]

    return command


ALL = list(walk(main))


def test_the_promised_commands_are_there() -> None:
    there = {
        name: set(command.commands) if isinstance(command, click.Group) else set()
        for name, command in main.commands.items()
    }

    assert {name: COMMANDS[name] - there[name] for name in COMMANDS} == {
        name: set() for name in COMMANDS
    }
    assert set(there) == set(COMMANDS)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_explains_itself(path: tuple[str, ...], option: str) -> None:
    result = run(*path, option)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: main {' '.join(path)}".rstrip())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_option_has_a_text(path: tuple[str, ...]) -> None:
    command = found(path)
    silent = [one.name for one in command.params if isinstance(one, click.Option) and not one.help]

    assert command.help
    assert silent == []


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_refuses_an_unknown_option(path: tuple[str, ...]) -> None:
    result = run(*path, "--no-such-option")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "No such option" in result.stderr


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"mcp-router, version {__version__}\n"


def test_an_unknown_command_is_refused() -> None:
    assert run("no-such-command").exit_code == 2


@pytest.mark.parametrize("arguments", NEED_SETTINGS, ids=" ".join)
def test_without_settings_both_ways_on_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MCP_ROUTER_CONFIG", raising=False)
    (tmp_path / "questions.txt").write_text("a", encoding="utf-8")

    result = run(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "settings_missing: There is no router.yaml here, and $MCP_ROUTER_CONFIG is not set.\n"
        "  Write a router.yaml or name one with --config; `mcp-router demo` needs none.\n"
    )


@pytest.mark.parametrize("where", ["here", "environment"])
def test_settings_are_found_here_and_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    name = "router.yaml" if where == "here" else "other.yaml"
    (tmp_path / name).write_text("storage: sqlite:///nothing.db\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCP_ROUTER_CONFIG", name if where == "environment" else "no.yaml")

    assert run("actions", "list").stderr.startswith("storage_unavailable: ")
