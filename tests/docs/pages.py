"""The pages as the tests see them: their text, their blocks of code and their links."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.source_tree import CHECKOUT

DOCS = CHECKOUT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
LINKED = [*PAGES, *(CHECKOUT / at for at in ("README.md", "CONTRIBUTING.md", "examples/README.md"))]

_BLOCK = re.compile(r"^```(?P<language>[a-z]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<to>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_CODE = re.compile(r"`(?P<code>[^`\n]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of code, with the page and the line where it begins."""

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def text(name: str) -> str:
    """Return a page of the docs."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(language: str) -> list[Block]:
    """Return every block of a language, in the README too."""
    found = []

    for page in (*PAGES, CHECKOUT / "README.md"):
        whole = page.read_text(encoding="utf-8")

        for match in _BLOCK.finditer(whole):
            if match["language"] == language:
                line = whole[: match.start()].count("\n") + 1
                found.append(Block(page=page, line=line, language=language, code=match["code"]))

    return found


def links(page: Path) -> list[str]:
    """Return where a page's links lead, those in blocks of code left out."""
    return [match["to"] for match in _LINK.finditer(_prose(page))]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = [match["title"] for match in _HEADING.finditer(_prose(page))]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def named(*names: str) -> set[str]:
    """Return everything that these pages write as code, tables included."""
    return {match["code"] for name in names for match in _CODE.finditer(_prose(DOCS / name))}


def _prose(page: Path) -> str:
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))
