"""What it takes to export a long decision log: seconds, rows a second and memory, by format.

    python -m benchmarks.export [--rows 1000000] [--formats jsonl,csv,parquet]
        [--call lookup_ticket] [--folder DIR] [--json]

A SQLite store is filled with copies of the record of one call on the sandbox, each with an id and a
time of its own: a completion, whose candidates make it long, or the lookup of a ticket. Then
`mcp-router audit export` runs as a child for each format, as a person would run it; its resident
memory is read from /proc every 50 ms. Beside it stands what copying a file as long takes, which is
as fast as the disk is. Nothing is asserted. The aim: 1,000,000 rows as JSON lines within 30 s and
200 MB.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from mcp import Client

from mcp_router.app import open_app
from mcp_router.audit.export import Format
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.mcp import build_server
from mcp_router.settings import load_settings

CALLS: Mapping[str, dict[str, str]] = {
    "route_completion": {"input": "I forgot my password"},
    "lookup_ticket": {"ticket_id": "101"},
}
ROUTER = (sys.executable, "-m", "mcp_router")

# Straight into the table: through the router a million calls would take an hour.
_COPIES = """
    WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?)
    INSERT INTO decisions (decision_id, at_ms, tenant, tool, outcome, run_id, ticket_id, policy,
        pool, intent, target, action_id, error_code, cost_microusd, latency_ms, record)
    SELECT printf('dec_%026d', n.value), at_ms + n.value, tenant, tool, outcome, run_id,
        ticket_id, policy, pool, intent, target, action_id, error_code, cost_microusd, latency_ms,
        replace(replace(record, decision_id, printf('dec_%026d', n.value)),
            '"at_ms":' || at_ms, '"at_ms":' || (at_ms + n.value))
    FROM n, decisions WHERE decisions.decision_id = ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One export; `bytes` is the file's length, `copy_s` what copying that file takes."""

    format: str
    rows: int
    bytes: int
    seconds: float
    rows_per_second: int
    most_memory_mb: int
    copy_s: float


def fill(folder: Path, tool: str, rows: int) -> Path:
    """Return the settings of a store with that many records of a tool's call, and a few others."""
    config = folder / "router.yaml"
    storage = f"sqlite:///{folder / 'router.db'}"

    with Sandbox.start() as sandbox:
        config.write_text(sandbox.router_yaml(storage=storage), encoding="utf-8")
        anyio.run(_call, config, tool)

    # The embedded servers are gone, and what vouched for them: an export needs the store alone.
    config.write_text(f"storage: {storage}\n", encoding="utf-8")

    with closing(sqlite3.connect(folder / "router.db", isolation_level=None)) as connection:
        (decision_id,) = connection.execute(
            "SELECT decision_id FROM decisions WHERE tool = ?", (tool,)
        ).fetchone()
        connection.execute(_COPIES, (rows - 1, decision_id))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return config


async def _call(config: Path, tool: str) -> None:
    async with (
        open_app(load_settings(config, os.environ)) as app,
        Client(build_server(app)) as client,
    ):
        await client.call_tool(tool, CALLS[tool])


def measure(config: Path, kind: str) -> Figure:
    """Export once and return what it took."""
    output = config.with_name(f"log.{kind}")
    command = [*ROUTER, "audit", "export", "--config", str(config), "--format", kind]
    started_s = time.perf_counter()
    most_kb = 0

    with subprocess.Popen(
        [*command, "--output", str(output)], stderr=subprocess.PIPE, encoding="utf-8"
    ) as child:
        while child.poll() is None:
            most_kb = max(most_kb, _resident_kb(child.pid))
            time.sleep(0.05)

        seconds = time.perf_counter() - started_s
        assert child.stderr is not None
        told = child.stderr.read()

    if child.returncode:
        raise SystemExit(told)

    rows = int(told.split()[0])
    copying_s = time.perf_counter()
    shutil.copyfile(output, output.with_suffix(".copy"))
    copying_s = time.perf_counter() - copying_s
    size = output.stat().st_size
    output.unlink()
    output.with_suffix(".copy").unlink()
    return Figure(
        format=kind,
        rows=rows,
        bytes=size,
        seconds=round(seconds, 1),
        rows_per_second=round(rows / seconds),
        most_memory_mb=round(most_kb / 1000),
        copy_s=round(copying_s, 1),
    )


def _resident_kb(pid: int) -> int:
    """Return the most memory that a process has held so far, 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0

    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) if found else 0


def main() -> None:
    """Fill, export, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(Format))
    parser.add_argument("--call", choices=list(CALLS), default="route_completion")
    parser.add_argument("--folder", help="where to work: a folder on the disk to be measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    with TemporaryDirectory(dir=options.folder) as folder:
        config = fill(Path(folder), options.call, options.rows)

        for kind in options.formats.split(","):
            figure = measure(config, kind)

            if options.json:
                print(json.dumps(asdict(figure)), flush=True)
            else:
                print(
                    f"{figure.format:8} {figure.rows:>10,} rows  {figure.bytes / 1e6:>8,.0f} MB  "
                    f"{figure.seconds:>6.1f} s  {figure.rows_per_second:>8,} rows/s  "
                    f"{figure.most_memory_mb:>5} MB of memory  (copied in {figure.copy_s} s)",
                    flush=True,
                )


if __name__ == "__main__":
    main()
