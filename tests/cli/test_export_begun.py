"""What an unfinished export leaves behind: its times, or nothing at all where rows were pruned."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from mcp_router.audit.export import Format
from mcp_router.audit.manifest import Made, Tally
from mcp_router.cli.audit_evidence import Cut, unpruned, write_beside
from mcp_router.cli.export_begun import WINDOW, begun
from mcp_router.cli.export_file import write_export
from mcp_router.clock import SystemClock
from mcp_router.domain.selection import EVERYTHING, Selection
from mcp_router.domain.tree_head import ExportRow
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.store import Archive, open_archive, open_store
from tests.audit.logs import HEADS, LAST, SIGNER, Kept, written
from tests.audit.prunings import prune
from tests.cli.running import run, spawned
from tests.storage.rows import record

HOUR_MS = 3_600_000


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    (tmp_path / "log").mkdir()
    return anyio.run(written, tmp_path / "log")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "log"


def beside(output: Path) -> list[str]:
    return sorted(one.name for one in output.parent.iterdir())


class Interrupted(Exception):
    """Stands for whatever ends an export."""


def pruned_at(rows: Iterator[ExportRow], place: int, url: str) -> Iterator[ExportRow]:
    for row in rows:
        if row[0] == place:
            anyio.run(prune, url, 2)

        yield row


def export(kept: Kept, output: Path, kind: Format, *, resume: bool, place: int = 0) -> None:
    """Export as the command does; the log is pruned when the row at `place` is passed on."""
    with (
        open_archive(kept.url) as archive,
        begun(output, kind, EVERYTHING, given=(None, None), resume=resume) as chosen,
    ):
        cut = Cut(pruned=archive.pruned(), last=archive.given())
        rows = archive.rows(chosen, after=cut.pruned, last=cut.last)
        rows = unpruned(pruned_at(rows, place, kept.url), archive, cut)
        write_export(rows, kind, output, resume=resume, advance=id)


@pytest.mark.parametrize("kind", list(Format))
def test_of_an_export_that_a_pruning_met_nothing_is_left(
    kept: Kept, output: Path, kind: Format
) -> None:
    with pytest.raises(StorageUnavailable, match="were pruned"):
        export(kept, output, kind, resume=False, place=3)

    assert beside(output) == []


@pytest.mark.parametrize("kind", list(Format))
def test_a_file_that_was_to_be_gone_on_with_is_what_it_was(
    kept: Kept, output: Path, kind: Format
) -> None:
    export(kept, output, kind, resume=False)
    former = output.read_bytes()
    output.with_name("log.manifest.json").write_text("its manifest", encoding="utf-8")
    anyio.run(append, kept.url, 3)

    with pytest.raises(StorageUnavailable, match="were pruned"):
        export(kept, output, kind, resume=True, place=LAST)

    assert output.read_bytes() == former
    assert beside(output) == ["log", "log.manifest.json"]


async def append(url: str, count: int, *, at_ms: int | None = None) -> None:
    store = open_store(url)

    async with anyio.create_task_group() as tasks:
        for number in range(count):
            one = record(f"more-{number}")
            tasks.start_soon(store.decisions.append, replace(one, at_ms=at_ms or one.at_ms))

    await store.aclose()


def test_proofs_that_a_pruning_met_are_not_kept(kept: Kept, output: Path) -> None:
    with pytest.raises(StorageUnavailable, match="were pruned"):
        export_part(kept, output)

    assert beside(output) == []


def export_part(kept: Kept, output: Path) -> None:
    """Export a tenant's rows; the log is pruned before they are proved."""
    chosen = Selection(tenant="globex")

    with (
        open_archive(kept.url) as archive,
        begun(output, Format.JSONL, chosen, given=("1h", None), resume=False),
    ):
        cut = Cut(pruned=archive.pruned(), last=HEADS[-1])
        tally = Tally()
        rows = unpruned(archive.rows(chosen, after=0, last=cut.last), archive, cut)
        write_export(map(tally.row, rows), Format.JSONL, output, resume=False, advance=id)
        anyio.run(prune, kept.url, 2)
        made = Made(file="log", kind=Format.JSONL, tenant="globex", tally=tally)
        write_beside(output, made, archive, cut)


def test_the_command_tells_that_the_log_was_pruned(kept: Kept) -> None:
    (kept.database.parent / "router.yaml").write_text(
        "storage: sqlite:///router.db\n", encoding="utf-8"
    )
    anyio.run(append, kept.url, 2_000)  # more than a pipe holds

    with spawned("audit", "export", folder=kept.database.parent) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        first = child.stdout.readline()
        anyio.run(prune, kept.url, 2)
        child.stdout.read()
        assert child.stderr.read() == (
            "storage_unavailable: Rows were pruned while the log was exported; what was written "
            "is not all of it.\n  Export again.\n"
        )
        assert child.wait(20) == 1

    assert json.loads(first)["seq"] == 1


def test_an_export_after_an_interrupted_pruning_verifies(
    kept: Kept, output: Path, tmp_path: Path
) -> None:
    config = kept.database.parent / "router.yaml"
    config.write_text(
        f'storage: sqlite:///router.db\naudit:\n  key: "{"11" * 32}"\n', encoding="utf-8"
    )
    key = tmp_path / "key"
    key.write_text(SIGNER.public_key, encoding="utf-8")
    anyio.run(lambda: prune(kept.url, 2, sweep=5))

    made = run("audit", "export", "--config", config, "--output", output)
    verified = run("audit", "verify", output, "--public-key", key)

    assert (made.exit_code, made.stderr) == (0, f"{LAST + 1 - HEADS[1]} records\n")
    assert verified.stdout.startswith(f"Rows {HEADS[1] + 1} to {LAST + 1} are whole")


@pytest.mark.parametrize("kind", list(Format))
def test_an_export_that_began_an_hour_ago_goes_on_with_the_times_of_then(
    kept: Kept, output: Path, kind: Format
) -> None:
    config = kept.database.parent / "router.yaml"
    config.write_text("storage: sqlite:///router.db\n", encoding="utf-8")
    # So old that an hour ago, for the second run, is after the first of them.
    old_ms = SystemClock().now_ms() - HOUR_MS - 1
    anyio.run(lambda: append(kept.url, 5, at_ms=old_ms))
    then = Selection(since_ms=old_ms - 1_000)
    given = ("1h", None)

    with (
        open_archive(kept.url) as archive,
        pytest.raises(Interrupted),
        begun(output, kind, then, given=given, resume=False) as chosen,
    ):
        write_export(cut_short(archive, chosen, 3), kind, output, resume=False, advance=id)

    command = ("audit", "export", "--config", config, "--output", output, "--format", kind.value)
    resumed = run(*command, "--from", "1h", "--resume")

    assert resumed.exit_code == 0, resumed.stderr

    with open_archive(kept.url) as archive:
        expected = archive.count(selection=then) - 1  # but for its own event

    assert resumed.stderr.splitlines()[-1] == f"{expected} records"
    assert beside(output) == sorted(
        ["log", "log.manifest.json", *(["log.proofs.jsonl"] if kind is Format.JSONL else [])]
    )


def cut_short(archive: Archive, chosen: Selection, rows: int) -> Iterator[ExportRow]:
    for number, row in enumerate(archive.rows(chosen)):
        if number == rows:
            raise Interrupted

        yield row


def test_other_times_are_not_those_of_the_export_that_began(output: Path) -> None:
    then, now = Selection(since_ms=1), Selection(since_ms=2)

    def began(given: str, chosen: Selection, *, resume: bool) -> Selection:
        export = begun(output, Format.JSONL, chosen, given=(given, None), resume=resume)

        with suppress(Interrupted), export as found:
            output.touch()
            raise Interrupted

        return found

    assert began("1h", then, resume=False) == then
    assert began("1h", now, resume=True) == then
    assert began("2h", now, resume=True) == now
    assert began("1h", replace(now, tenant="acme"), resume=True) == replace(then, tenant="acme")
    output.with_name(output.name + WINDOW).write_text("{", encoding="utf-8")
    assert began("1h", now, resume=True) == now
    assert began("1h", now, resume=False) == now
    assert began("1h", then, resume=True) == now
