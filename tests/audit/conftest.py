"""Copies of one log, and of exports of it, to tamper with."""

import io
import shutil
from pathlib import Path

import pytest

from mcp_router.audit.export import Format, lines
from mcp_router.audit.manifest import Made, Tally
from mcp_router.cli.audit_evidence import Cut, write_beside
from mcp_router.domain.selection import Selection
from mcp_router.storage.store import open_archive
from tests.audit.exports import Exported
from tests.audit.logs import Kept, copied, written


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("origin")


@pytest.fixture
async def folder(origin: Path, tmp_path: Path) -> Path:
    if not (origin / "all.jsonl").exists():
        kept = await written(origin)

        with open_archive(kept.url) as archive:
            signed = next(one for one in archive.heads() if one.head.size == 31)

            for name, tenant in (("all.jsonl", None), ("globex.jsonl", "globex")):
                tally = Tally()
                rows = archive.rows(Selection(tenant=tenant), last=31)
                text = "".join(lines(map(tally.row, rows), Format.JSONL))
                (origin / name).write_text(text, encoding="utf-8")
                tally.content(io.BytesIO(text.encode()))
                made = Made(file=name, kind=Format.JSONL, tenant=tenant, tally=tally)
                write_beside(origin / name, made, archive, Cut(last=31, signed=signed))

    shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def whole(folder: Path) -> Exported:
    return Exported(file=folder / "all.jsonl", anchor=folder / "anchor.jsonl")


@pytest.fixture
def part(folder: Path) -> Exported:
    return Exported(file=folder / "globex.jsonl", anchor=folder / "anchor.jsonl")


@pytest.fixture
async def kept(origin: Path, tmp_path: Path) -> Kept:
    database = origin / "router.db"
    whole = (
        Kept(database=database, anchor=origin / "anchor.jsonl")
        if database.exists()
        else await written(origin)
    )
    return copied(whole, tmp_path)
