"""Nothing grows a tail: files stay short here, functions stay short through ruff's settings."""

import tomllib

import pytest

from tests.source_tree import CHECKOUT, python_files

LINES = 400
FOLDERS = ("mcp_router", "tools", "policies", "tests", "benchmarks", "examples", ".ci")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_is_longer_than_the_limit(folder: str) -> None:
    sizes = {
        str(path.relative_to(CHECKOUT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files(folder)
    }

    assert {name: size for name, size in sizes.items() if size > LINES} == {}


def test_ruff_holds_the_limits_of_functions_and_lines() -> None:
    ruff = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]

    lint = ruff["lint"]
    assert {"C90", "PLR0915", "PLC0415"} <= set(lint["select"])
    assert lint["mccabe"]["max-complexity"] == 10
    assert lint["pylint"]["max-statements"] == 40
    assert ruff["line-length"] == 100


def test_no_source_switches_the_limits_off() -> None:
    switches = ("noqa: C901", "noqa: PLR0915", "noqa: E501", "ruff: noqa")
    found = [
        f"{path.relative_to(CHECKOUT)}: {switch}"
        for folder in FOLDERS
        for path in python_files(folder)
        for switch in switches
        if switch in path.read_text(encoding="utf-8") and path.name != "test_sizes.py"
    ]

    assert found == []
