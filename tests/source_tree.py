"""The source as the ratchet tests see it: every module with its syntax tree and its imports."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "mcp_router"


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported module, with the line that imports it and whether that line is indented."""

    module: str
    line: int
    nested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One file of the package under its dotted name; `path` is relative to the checkout."""

    name: str
    path: Path
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)

    @property
    def room(self) -> str:
        """Return the folder or file directly below `mcp_router`, "" for the package itself."""
        _, _, below = self.name.partition(".")
        return below.partition(".")[0]


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the package; `tools/` and `policies/` come through their links."""
    found = [_read(path) for path in _python_files(PACKAGE)]
    return tuple(sorted(found, key=lambda module: module.name))


def imports(module: Module) -> Iterator[Import]:
    """Yield what `module` imports; `from room import file` counts as `room.file`."""
    names = {one.name for one in modules()}
    top = set(map(id, module.tree.body))
    for node in ast.walk(module.tree):
        nested = id(node) not in top
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module=alias.name, line=node.lineno, nested=nested)

        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                imported = whole if whole in names else base
                yield Import(module=imported, line=node.lineno, nested=nested)


def python_files(folder: str) -> list[Path]:
    """Return the Python files below a folder of the checkout, links not followed."""
    return sorted((CHECKOUT / folder).rglob("*.py"))


def _python_files(folder: Path) -> Iterator[Path]:
    for parent, _, files in os.walk(folder, followlinks=True):
        for name in files:
            if name.endswith(".py"):
                yield Path(parent) / name


def _read(path: Path) -> Module:
    relative = path.relative_to(CHECKOUT)
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Module(name=name, path=relative, text=text, tree=ast.parse(text))
