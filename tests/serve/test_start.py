"""A server that cannot start says why in one coded line, and leaves nothing half written."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from mcp_router.sandbox.fleet import Sandbox
from tests.end_to_end.child import Ended
from tests.end_to_end.harness import Place, settle
from tests.source_tree import CHECKOUT


def run(folder: Path, *cases: "Case") -> list[Ended]:
    """Start a server for each case, one after the other."""
    folder.mkdir()
    starts = [(str(case.here), ["serve", *case.options]) for case in cases]
    (folder / "starts.json").write_text(json.dumps(starts), encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if name != "MCP_ROUTER_CONFIG"}
    subprocess.run(
        [sys.executable, "-m", "tests.serve.starter", str(folder)],
        cwd=CHECKOUT,
        env={**environ, "PYTHONPATH": str(CHECKOUT)},
        timeout=50,
        check=True,
    )
    return [
        Ended(
            code=int((folder / f"{number}.code").read_text(encoding="ascii")),
            out=(folder / f"{number}.out").read_text(encoding="utf-8"),
            err=(folder / f"{number}.err").read_text(encoding="utf-8"),
        )
        for number in range(len(cases))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is wrong with a folder, how the server is started there, and what it says."""

    options: tuple[str, ...]
    code: int
    first_line: str
    here: Path = CHECKOUT


def changed(place: Place, change: Callable[[dict[str, object]], object]) -> None:
    document = yaml.safe_load(place.file.read_text(encoding="utf-8"))
    change(document)
    place.file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def cases(folder: Path, sandbox: Sandbox, taken: int) -> dict[str, Case]:
    """Make a folder for each case and return what is expected of it."""
    places = {}

    for name in ("good", "broken", "typo", "secret", "read-only", "no-database", "no-policy"):
        (folder / name).mkdir()
        places[name] = settle(folder / name, sandbox)

    broken, typo, secret = places["broken"].file, places["typo"].file, places["secret"].file
    broken.write_text("providers:\n  openai: {kind: openai\nmodels: [\n", encoding="utf-8")
    typo.write_text("polcy: support\n", encoding="utf-8")
    secret.write_text(
        "desks:\n  zendesk: {kind: zendesk, subdomain: acme, email: a@b.test,\n"
        "    token: '${NO_SUCH_VARIABLE}'}\n",
        encoding="utf-8",
    )
    # No user, root included, makes a file there.
    changed(places["read-only"], lambda one: one.update(storage="sqlite:////proc/router.db"))
    places["no-database"].database.write_bytes(b"this is no database " * 100)
    changed(places["no-policy"], lambda one: one.update(policy="nobody"))
    http = ("--transport", "http")

    def options(name: str, *more: str) -> tuple[str, ...]:
        return ("--config", str(places[name].file), *more)

    empty = folder / "empty"
    empty.mkdir()

    return {
        "nothing at all": Case(
            options=(),
            code=2,
            first_line="settings_missing: There is no router.yaml here, and $MCP_ROUTER_CONFIG "
            "is not set.",
            here=empty,
        ),
        "no file": Case(
            options=("--config", str(folder / "none.yaml")),
            code=2,
            first_line=f"settings_missing: There is no {folder}/none.yaml.",
        ),
        "broken yaml": Case(
            options=options("broken"), code=2, first_line=f"invalid_settings: {broken}:3:7: "
        ),
        "typo": Case(
            options=options("typo"),
            code=2,
            first_line=f"invalid_settings: {typo}:1:1: expected a known key; did you mean "
            "`policy`?",
        ),
        "missing variable": Case(
            options=options("secret"), code=2, first_line=f"missing_secret: {secret}:3:12: "
        ),
        "unknown policy": Case(
            options=options("no-policy"),
            code=2,
            first_line="unknown_policy: There is no policy of that name; the policies are: "
            "support.",
        ),
        "read-only folder": Case(
            options=options("read-only"),
            code=1,
            first_line="storage_unavailable: The database file or its folder cannot be opened.",
        ),
        "no database": Case(
            options=options("no-database"),
            code=1,
            first_line="storage_unavailable: "
            "The file of `storage` is no SQLite database (SQLITE_NOTADB).",
        ),
        "taken port": Case(
            options=options("good", *http, "--port", str(taken)),
            code=2,
            first_line=f"address_in_use: Port {taken} cannot be bound on that address.",
        ),
        "unsafe bind": Case(
            options=options("good", *http, "--host", "0.0.0.0"),
            code=2,
            first_line="unsafe_bind: Others could reach this address, and router.yaml has no "
            "tokens.",
        ),
    }


def test_what_keeps_a_server_from_starting_is_told_by_code_place_and_way_on(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        expected = cases(tmp_path, sandbox, holder.getsockname()[1])
        ended = run(tmp_path / "runs", *expected.values())

    for (name, case), end in zip(expected.items(), ended, strict=True):
        told = end.err.splitlines()
        assert told[0].startswith(case.first_line), (name, end)
        assert told[-1].startswith("  "), (name, "the way on")
        assert (end.code, end.out) == (case.code, ""), (name, end)
        assert "Traceback" not in end.err, name

    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "broken" / "router.db").exists()
    assert (tmp_path / "no-database" / "router.db").read_bytes() == b"this is no database " * 100
