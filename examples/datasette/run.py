"""Looks around in a decision log with Datasette: canned questions on a read-only copy.

    python examples/datasette/run.py                                # made-up calls; checks itself
    python examples/datasette/run.py --database router.db --serve   # YOUR log, in a browser

It needs mcp-router, and for the second half Datasette (`pip install -r requirements.txt`, best in a
folder of its own; `--datasette PATH` names its command). Without Datasette the questions are asked
through Python's sqlite3.

1. copy the decision log alone: the ledger, which keeps what was written to customers, stays behind;
2. ask every canned question of metadata.json, so that none is left behind by a change of the log;
3. start Datasette on the copy, which it opens as immutable, and ask each of them again over HTTP.

Exits with 1 and one line if anything is not as promised.
"""

import argparse
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

METADATA = Path(__file__).with_name("metadata.json")
ROUTER = [sys.executable, "-m", "mcp_router"]  # or the path of the `mcp-router` command
QUESTIONS = ("I forgot my password", "Where is my refund?", "Please cancel my order", "Hello?")
_PLACES = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
FACETS = ("at_ms", "tenant", "tool", "outcome", "policy", "intent", "ticket_id")
PATIENCE_S = 30


class BrokenPromise(Exception):
    """Something was not as this program expects; the message says what."""


def expect(holds: bool, promise: str) -> None:
    """Print a promise that holds; stop at one that does not."""
    if not holds:
        raise BrokenPromise(f"not so: {promise}")

    print(f"  ok: {promise}")


def made_up_log(folder: Path) -> Path:
    """Return a log with a few calls, made on embedded servers."""
    questions = folder / "questions.txt"
    questions.write_text("\n".join(QUESTIONS) + "\n", encoding="utf-8")
    command = [*ROUTER, "serve", "--sandbox", "--transport", "http", "--port", "0"]

    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as sandbox:
        try:
            # The sandbox says where its settings are, and lives as long as its server.
            config = next(
                Path(line.split()[1]) for line in sandbox.stderr if line.startswith("configuration")
            )
            route = [*ROUTER, "route", str(questions), "--config", str(config)]
            subprocess.run(route, check=True, capture_output=True)
            database = config.with_name("router.db")

            with (
                closing(sqlite3.connect(database)) as source,
                closing(sqlite3.connect(folder / "router.db")) as target,
            ):
                source.backup(target)
        finally:
            sandbox.terminate()
            sandbox.stderr.read()

    return folder / "router.db"


def copy(database: Path, folder: Path) -> Path:
    """Return a database that holds the decision log and nothing else; the log is only read."""
    to = folder / "decisions.db"

    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as log:
        log.execute("ATTACH ? AS copy", (str(to),))
        created = log.execute("SELECT sql FROM main.sqlite_master WHERE name = 'decisions'")
        (sql,) = created.fetchone()
        log.execute(re.sub("TABLE (IF NOT EXISTS )?", "TABLE copy.", sql, count=1))
        # What was pruned and still lies there is no part of the log any more.
        log.execute(
            "INSERT INTO copy.decisions SELECT * FROM main.decisions "
            "WHERE seq > coalesce((SELECT max(size) FROM main.prunings), 0)"
        )

        for column in FACETS:
            log.execute(f"CREATE INDEX copy.by_{column} ON decisions ({column})")

        log.commit()

    return to


def canned() -> dict[str, str]:
    """Return the SQL of each canned question by its name."""
    metadata = json.loads(METADATA.read_text(encoding="utf-8"))
    queries = metadata["databases"]["decisions"]["queries"]
    return {name: query["sql"] for name, query in queries.items()}


def ask(database: Path) -> dict[str, list]:
    """Ask each question through sqlite3 and return the answers."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as log:
        (newest,) = log.execute("SELECT max(decision_id) FROM decisions").fetchone()
        given = {"decision_id": newest}
        return {name: log.execute(sql, given).fetchall() for name, sql in canned().items()}


@contextmanager
def datasette(command: str, database: Path) -> Iterator[str]:
    """Start Datasette on the copy and yield its address; stop it afterwards."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    url = f"http://127.0.0.1:{port}"
    options = ["--metadata", str(METADATA), "--setting", "sql_time_limit_ms", "5000"]
    arguments = [command, "serve", "--immutable", str(database), "--port", str(port), *options]

    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            ends_s = time.monotonic() + PATIENCE_S

            while not answers(f"{url}/-/versions.json"):
                if child.poll() is not None or time.monotonic() > ends_s:
                    raise BrokenPromise("Datasette did not start")

                time.sleep(0.1)

            yield url
        finally:
            child.terminate()


def answers(url: str) -> bool:
    """Return whether something answers there."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False

    return True


def fetched(url: str) -> list:
    """Return the rows of a JSON answer."""
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def check(url: str, asked: dict[str, list], decision_id: str) -> None:
    """Ask every question over HTTP and compare."""
    given = urllib.parse.urlencode({"_shape": "array", "decision_id": decision_id})
    found = {name: fetched(f"{url}/decisions/{name}.json?{given}") for name in asked}
    same = {
        name for name, rows in found.items() if [tuple(row.values()) for row in rows] == asked[name]
    }
    expect(same == set(asked), f"Datasette answers all {len(asked)} questions the same")
    table = fetched(f"{url}/decisions/decisions.json?_shape=array&_size=1")
    expect(len(table) == 1, "the table itself can be browsed")


def main(options: argparse.Namespace) -> None:
    """Copy, ask, serve."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        mine = options.database is None
        database = copy(made_up_log(folder) if mine else options.database, folder)
        asked = ask(database)

        with closing(sqlite3.connect(database)) as log:
            tables = {row[0] for row in log.execute("SELECT name FROM sqlite_master")}
            (decision_id,) = log.execute("SELECT max(decision_id) FROM decisions").fetchone()

        expect("actions" not in tables, "the copy holds the decision log alone")
        expect(len(asked) > 0, f"{len(asked)} questions were asked of it")
        expect(asked["gaps"] == [], "no record is missing")

        if mine:
            expect(sum(row[1] for row in asked["cost_by_intent"]) == 4, "it holds the four calls")

        command = options.datasette or shutil.which("datasette", path=_PLACES)

        if command is None:
            print(
                "  Datasette is not installed: pip install -r examples/datasette/requirements.txt"
            )
        else:
            with datasette(command, database) as url:
                check(url, asked, decision_id)

                if options.serve:
                    print(f"  {url} (until Ctrl-C)")
                    time.sleep(10**6)

    print("all promises held")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", type=Path, help="your router.db; without it, made-up calls")
    parser.add_argument("--datasette", help="the command, if it is not on the PATH")
    parser.add_argument("--serve", action="store_true", help="keep Datasette running")

    try:
        main(parser.parse_args())
    except (BrokenPromise, urllib.error.URLError, sqlite3.Error) as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        pass
