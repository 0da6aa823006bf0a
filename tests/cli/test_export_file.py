"""An export that was interrupted anywhere goes on to the same file, and never on a foreign one."""

import csv
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow
import pytest
from pyarrow import parquet

from mcp_router.audit.export import COLUMNS, Format, TextFormat, lines
from mcp_router.canonical import canonical_json, plain
from mcp_router.cli import export_file
from mcp_router.cli.export_file import write_export
from mcp_router.domain.tree_head import ExportRow
from mcp_router.errors import FileUnusable, MissingExtra
from tests.audit.test_export import BARE, FULL
from tests.storage.rows import LINK

ROWS = [
    (
        seq,
        canonical_json(
            plain(replace(FULL if seq % 3 else BARE, decision_id=f"dec_{seq}", at_ms=seq))
        ),
        LINK,
    )
    for seq in range(1, 13)
]
FORMULA = "=1+1"
TEXT: list[TextFormat] = [Format.JSONL, Format.CSV]


class Interrupted(Exception):
    """Stands for whatever ends an export."""


def export(
    output: Path, kind: Format, rows: list[ExportRow] = ROWS, *, resume: bool = False
) -> list[int]:
    """Write the file and return what was told of its progress."""
    told: list[int] = []
    assert write_export(rows, kind, output, resume=resume, advance=told.append) == sum(told)
    return told


def until(place: int) -> Iterator[ExportRow]:
    yield from itertools.islice(ROWS, place)
    raise Interrupted


def parquet_rows(output: Path) -> list[ExportRow]:
    table = parquet.read_table(output, columns=["seq", "record"])
    return [(one["seq"], one["record"], LINK) for one in table.to_pylist()]


@pytest.mark.parametrize("kind", TEXT)
def test_an_export_cut_off_at_any_byte_goes_on_to_the_same_file(
    kind: TextFormat, tmp_path: Path
) -> None:
    output = tmp_path / "log"
    whole = "".join(lines(ROWS, kind)).encode()

    for cut in range(0, len(whole) + 1, 97):
        output.write_bytes(whole[:cut])
        assert sum(export(output, kind, resume=True)) == 12
        assert output.read_bytes() == whole


@pytest.mark.parametrize("kind", TEXT)
def test_what_is_not_the_beginning_of_the_log_is_refused_and_left_alone(
    kind: TextFormat, tmp_path: Path
) -> None:
    output = tmp_path / "log"
    whole = "".join(lines(ROWS, kind)).encode()

    for foreign in (whole.replace(b"dec_2", b"dec_9"), whole + b"more", whole[5:40], b"x"):
        output.write_bytes(foreign)

        with pytest.raises(FileUnusable, match="not the beginning"):
            export(output, kind, resume=True)

        assert output.read_bytes() == foreign


@pytest.mark.parametrize("kind", list(Format))
def test_going_on_without_a_file_is_an_export_from_the_start(kind: Format, tmp_path: Path) -> None:
    export(tmp_path / "resumed", kind, resume=True)
    export(tmp_path / "plain", kind)

    assert (tmp_path / "resumed").read_bytes() == (tmp_path / "plain").read_bytes()


@pytest.mark.parametrize("kind", list(Format))
def test_a_finished_export_goes_on_with_what_has_been_recorded_since(
    kind: Format, tmp_path: Path
) -> None:
    export(tmp_path / "log", kind, ROWS[:7])
    export(tmp_path / "log", kind, resume=True)
    export(tmp_path / "whole", kind)

    if kind is Format.PARQUET:
        assert parquet_rows(tmp_path / "log") == ROWS
    else:
        assert (tmp_path / "log").read_bytes() == (tmp_path / "whole").read_bytes()

    assert sorted(one.name for one in tmp_path.iterdir()) == ["log", "whole"]


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_router.audit.parquet._GROUP_ROWS", 5)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("place", [0, 4, 5, 11])
def test_parquet_goes_on_after_its_last_whole_group_of_rows(place: int, tmp_path: Path) -> None:
    output = tmp_path / "log.parquet"
    told: list[int] = []

    with pytest.raises(Interrupted):
        write_export(until(place), Format.PARQUET, output, resume=False, advance=told.append)

    assert not output.exists()
    assert sum(told) == place // 5 * 5
    assert export(output, Format.PARQUET, resume=True) == [5, 5, 2]
    assert parquet_rows(output) == ROWS
    assert [one.name for one in tmp_path.iterdir()] == ["log.parquet"]


@pytest.mark.usefixtures("small_groups")
def test_parquet_refuses_a_foreign_beginning_and_leaves_it(tmp_path: Path) -> None:
    output = tmp_path / "log.parquet"
    export(output, Format.PARQUET)
    kept = output.read_bytes()

    for foreign in (ROWS[1:], ROWS[:4], [(1, *ROWS[1][1:]), *ROWS[1:]]):
        with pytest.raises(FileUnusable, match="not the beginning"):
            export(output, Format.PARQUET, foreign, resume=True)

        assert output.read_bytes() == kept

    for content in (b"", b"no parquet at all, but long enough"):
        output.write_bytes(content)

        with pytest.raises(FileUnusable, match="not the beginning"):
            export(output, Format.PARQUET, resume=True)

    parquet.write_table(pyarrow.table({"seq": [1]}), output)

    with pytest.raises(FileUnusable, match="not the beginning"):
        export(output, Format.PARQUET, resume=True)


@pytest.mark.usefixtures("small_groups")
def test_a_new_parquet_export_forgets_the_pieces_of_an_old_one(tmp_path: Path) -> None:
    output = tmp_path / "log.parquet"

    with pytest.raises(Interrupted):
        write_export(until(11), Format.PARQUET, output, resume=False, advance=id)

    export(output, Format.PARQUET, ROWS[3:])

    assert parquet_rows(output) == ROWS[3:]


def test_duckdb_reads_the_same_calls_from_all_three_formats(tmp_path: Path) -> None:
    sources = []

    for kind, reader in (
        (Format.JSONL, "read_json"),
        (Format.CSV, "read_csv"),
        (Format.PARQUET, "read_parquet"),
    ):
        export(tmp_path / kind.value, kind)
        sources.append(f"{reader}('{tmp_path / kind.value}')")

    nested, *flat = sources
    asked = "SELECT count(*), sum(record.cost_microusd), max(seq)"

    with duckdb.connect() as connection:
        assert connection.execute(f"{asked} FROM {nested}").fetchall() == [(12, 8 * 1_250, 12)]

        for source in flat:
            found = connection.execute(
                f"SELECT count(*), round(sum(cost_usd), 6), max(seq) FROM {source}"
            )
            assert found.fetchall() == [(12, 0.01, 12)]
            columns = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            assert tuple(name for name, *_ in columns)[: len(COLUMNS)] == COLUMNS


def test_pandas_reads_the_same_calls_from_all_three_formats(tmp_path: Path) -> None:
    python = os.environ.get("MCP_ROUTER_PANDAS", sys.executable)

    if subprocess.run([python, "-c", "import pandas"], capture_output=True, check=False).returncode:
        pytest.skip("no pandas here; MCP_ROUTER_PANDAS names a Python that has it")

    for kind in Format:
        export(tmp_path / kind.value, kind)

    reading = (
        "import pandas as pd\n"
        "jsonl = pd.read_json('jsonl', lines=True)\n"
        "frames = jsonl, pd.read_csv('csv'), pd.read_parquet('parquet')\n"
        "print([frame['seq'].tolist() for frame in frames])"
    )
    read = subprocess.run(
        [python, "-c", reading], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(read.stdout) == [list(range(1, 13))] * 3


def test_a_spreadsheet_reads_the_csv_without_running_anything(tmp_path: Path) -> None:
    text = canonical_json(plain(replace(FULL, customer_id=FORMULA, ticket_id='a, "b"\nc')))
    export(tmp_path / "log.csv", Format.CSV, [(1, text, LINK)])

    with (tmp_path / "log.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file, dialect="excel", strict=True)

    assert (row["customer_id"], row["ticket_id"]) == (f"'{FORMULA}", 'a, "b"\nc')


def test_parquet_keeps_the_types_and_the_whole_record(tmp_path: Path) -> None:
    export(tmp_path / "log", Format.PARQUET)

    (row,) = parquet.read_table(tmp_path / "log", filters=[("seq", "==", 1)]).to_pylist()

    assert (row["at_ms"], row["cost_usd"], row["attempts"], row["customer_id"]) == (
        1,
        0.00125,
        1,
        "cus-9",
    )
    assert json.loads(row["record"])["decision"]["policy_digest"] == "d1"


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_file, "find_spec", lambda _: None)

    with pytest.raises(MissingExtra) as refused:
        export(tmp_path / "log", Format.PARQUET)

    assert "mcp-support-router[parquet]" in refused.value.advice


def piece_by_piece(output: Path, rows: Iterator[ExportRow], *, resume: bool = False) -> None:
    """Export until it is interrupted."""
    with pytest.raises(Interrupted):
        write_export(rows, Format.PARQUET, output, resume=resume, advance=id)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("place", [0, 4, 5, 11])
def test_a_new_parquet_export_goes_on_beside_the_old_file_that_it_replaces(
    place: int, tmp_path: Path
) -> None:
    output = tmp_path / "log.parquet"
    export(output, Format.PARQUET, ROWS[:7])
    old = output.read_bytes()

    piece_by_piece(output, until(place))
    assert output.read_bytes() == old
    export(output, Format.PARQUET, resume=True)

    assert parquet_rows(output) == ROWS
    assert [one.name for one in tmp_path.iterdir()] == ["log.parquet"]


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("old", [0, 1, 6])
@pytest.mark.parametrize("left", [0, 1, 2])
def test_parquet_goes_on_where_it_was_killed_after_its_pieces_were_joined(
    old: int, left: int, tmp_path: Path
) -> None:
    output, folder = tmp_path / "log.parquet", tmp_path / "log.parquet.parts"
    export(tmp_path / "whole", Format.PARQUET)

    if old:
        export(output, Format.PARQUET, ROWS[:old])

    piece_by_piece(output, until(11), resume=bool(old))

    for piece in sorted(folder.glob("*.parquet"))[left:]:
        piece.unlink()

    (tmp_path / "whole").rename(folder / "joined.whole")
    export(output, Format.PARQUET, resume=True)

    assert parquet_rows(output) == ROWS
    assert [one.name for one in tmp_path.iterdir()] == ["log.parquet"]


def test_parquet_goes_on_where_it_was_killed_before_it_cleared_up(tmp_path: Path) -> None:
    output = tmp_path / "log.parquet"
    export(output, Format.PARQUET)
    (tmp_path / "log.parquet.parts").mkdir()

    export(output, Format.PARQUET, resume=True)

    assert parquet_rows(output) == ROWS
    assert [one.name for one in tmp_path.iterdir()] == ["log.parquet"]
