"""The habits of the house that neither ruff nor mypy can hold."""

import ast
import doctest
import importlib
import re
from collections.abc import Callable, Iterator

import pytest

from tests.source_tree import CHECKOUT, Module, modules, python_files

CATCH_ALL_ROOMS = {"serve", "cli"}  # the doors: past them a fault would reach the wire
CATCH_ALL_FILES = {
    "mcp_router.privacy.scrub": "the record of a served call is kept, whatever a detector does",
    "mcp_router.storage.sqlite.writer": "its thread hands a job's fault to the task that waits",
}
ANY_TYPE_FILES = {
    "mcp_router.serve.mcp": "the SDK's own signatures hold it",
}
ANY_KEYWORD_FILES = {
    "mcp_router.desks.zendesk_client": "describes zenpy's own call",
    "mcp_router.desks.session": "overrides a method of requests, whose signature it keeps",
}
SPEAKING_PACKAGES = {"mcp_router", "mcp_router.policies"}
IGNORE = re.compile(r"#\s*(?:type: ignore|noqa|pyright: ignore)(?P<rest>.*)$")
CODED = re.compile(
    r"(\[[a-z, -]+\]|:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*)\s*(?P<reason>(#|-|:)\s*\w.*)?$"
)


def places(module: Module, nodes: Iterator[ast.AST]) -> list[str]:
    return [f"{module.path}:{getattr(node, 'lineno', 1)}" for node in nodes]


def catches_everything(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False

    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(kind is None or getattr(kind, "id", "") == "Exception" for kind in kinds)


def escapes_the_types(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and any(
        alias.name in {"Any", "cast"} for alias in node.names if node.module == "typing"
    )


def takes_anything(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.args.kwarg is not None


def opens_without_encoding(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False

    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    text = name in {"read_text", "write_text"}
    return text and not any(keyword.arg == "encoding" for keyword in node.keywords)


def loose_dataclass(node: ast.AST) -> bool:
    if not isinstance(node, ast.ClassDef):
        return False

    for decorator in node.decorator_list:
        if ast.unparse(decorator).startswith("dataclass"):
            return ast.unparse(decorator) != "dataclass(frozen=True, slots=True, kw_only=True)"

    return False


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_only_the_doors_catch_every_exception(module: Module) -> None:
    found = places(module, filter(catches_everything, ast.walk(module.tree)))

    assert found == [] or module.room in CATCH_ALL_ROOMS or module.name in CATCH_ALL_FILES


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_types_are_never_escaped(module: Module) -> None:
    found = places(module, filter(escapes_the_types, ast.walk(module.tree)))

    assert found == [] or module.name in ANY_TYPE_FILES


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_functions_name_what_they_take(module: Module) -> None:
    found = places(module, filter(takes_anything, ast.walk(module.tree)))

    assert found == [] or module.name in ANY_KEYWORD_FILES


@pytest.mark.parametrize(
    ("named", "breaks"),
    [
        (CATCH_ALL_FILES, catches_everything),
        (ANY_TYPE_FILES, escapes_the_types),
        (ANY_KEYWORD_FILES, takes_anything),
    ],
)
def test_no_named_exception_outlives_its_need(
    named: dict[str, str], breaks: Callable[[ast.AST], bool]
) -> None:
    needed = {one.name for one in modules() if any(map(breaks, ast.walk(one.tree)))}

    assert set(named) <= needed


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_text_files_name_their_encoding(module: Module) -> None:
    assert places(module, filter(opens_without_encoding, ast.walk(module.tree))) == []


@pytest.mark.parametrize(
    "module", [one for one in modules() if one.room == "domain"], ids=lambda module: module.name
)
def test_values_of_the_ground_floor_are_frozen(module: Module) -> None:
    assert places(module, filter(loose_dataclass, ast.walk(module.tree))) == []


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_inner_packages_are_empty(module: Module) -> None:
    inner = module.path.name == "__init__.py" and module.name not in SPEAKING_PACKAGES

    assert not (inner and module.text.strip())


@pytest.mark.parametrize("folder", ["mcp_router", "tools", "tests", "benchmarks", "examples"])
def test_an_ignore_names_its_code_and_its_reason(folder: str) -> None:
    bare = [
        f"{path.relative_to(CHECKOUT)}:{number}"
        for path in python_files(folder)
        if path.name != "test_house.py"
        for number, before, line in numbered(path.read_text(encoding="utf-8"))
        if not reasoned(before, line)
    ]

    assert bare == []


def numbered(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield each line with its number and the line before it."""
    lines = ["", *text.splitlines()]
    return ((number, lines[number - 1], lines[number]) for number in range(1, len(lines)))


def reasoned(before: str, line: str) -> bool:
    """Return whether a line ignores nothing, or names the code and, there or above, the reason."""
    found = IGNORE.search(line)
    if found is None:
        return True

    told = CODED.match(found["rest"])
    return told is not None and (told["reason"] is not None or before.lstrip().startswith("# "))


@pytest.mark.parametrize(
    ("before", "line", "expected"),
    [
        ("", "x = f()", True),
        ("", "x = f()  # type: ignore[arg-type]  # the library's stub is wrong", True),
        ("", "x = f()  # noqa: S310  # the URL is a constant", True),
        ("", "x = f()  # noqa: S105 - opens the embedded server only", True),
        ("# The library's stub is wrong.", "x = f()  # type: ignore[arg-type]", True),
        ("y = g()", "x = f()  # type: ignore[arg-type]", False),
        ("", "x = f()  # type: ignore  # no code", False),
        ("# Because.", "x = f()  # noqa", False),
    ],
)
def test_what_counts_as_a_reasoned_ignore(before: str, line: str, expected: bool) -> None:
    assert reasoned(before, line) is expected


@pytest.mark.parametrize(
    "name", [one.name for one in modules() if ">>> " in one.text], ids=lambda name: name
)
def test_examples_in_docstrings_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))

    assert result.attempted > 0
    assert result.failed == 0


def test_the_contributing_page_names_places_that_exist() -> None:
    page = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:mcp_router|tools|policies|tests|docs|\.ci)/[^`]*)`", page))
    # The folder before a placeholder or a pattern must be there.
    places = {re.sub(r"[^/]*[<*].*", "", name) for name in named}

    assert len(places) > 20
    assert {place for place in places if not (CHECKOUT / place).exists()} == set()
