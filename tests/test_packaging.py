"""What is in the tree is in the wheel, under the names that users import."""

import fnmatch
import os
import tomllib
from pathlib import Path

import pytest

from tests.source_tree import CHECKOUT, PACKAGE

LINKED = ("tools", "policies")
SETUPTOOLS = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "setuptools"
]


def test_every_folder_with_code_is_a_listed_package() -> None:
    folders = {
        ".".join(Path(parent).relative_to(CHECKOUT).parts)
        for parent, _, files in os.walk(PACKAGE, followlinks=True)
        if "__init__.py" in files
    }

    assert sorted(SETUPTOOLS["packages"]) == sorted(folders)


def test_every_folder_with_code_has_an_init_file() -> None:
    bare = [
        parent
        for parent, _, files in os.walk(PACKAGE, followlinks=True)
        if any(name.endswith(".py") for name in files) and "__init__.py" not in files
    ]

    assert bare == []


def test_the_mapping_names_the_folders_at_the_top_of_the_tree() -> None:
    assert SETUPTOOLS["package-dir"] == {f"mcp_router.{name}": name for name in LINKED}


@pytest.mark.parametrize("name", LINKED)
def test_the_link_points_from_the_package_to_the_top_of_the_tree(name: str) -> None:
    link = PACKAGE / name

    assert link.is_symlink(), "git keeps this link; a plain zip of the tree loses it"
    assert link.readlink() == Path("..", name)
    assert (CHECKOUT / name / "__init__.py").is_file()


def test_every_policy_document_is_package_data() -> None:
    documents = [
        path.relative_to(CHECKOUT / "policies").as_posix()
        for path in (CHECKOUT / "policies").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    ]
    patterns = SETUPTOOLS["package-data"]["mcp_router.policies"]

    uncovered = [
        name
        for name in documents
        if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    ]
    assert uncovered == []


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").read_text(encoding="utf-8") == ""
    assert SETUPTOOLS["package-data"]["mcp_router"] == ["py.typed"]
