"""audit verify, sign, key, prune and the evidence beside an export, from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from mcp_router.audit.merkle import verify_inclusion
from mcp_router.cli.common import whoever
from mcp_router.domain.record import Record
from mcp_router.storage.store import open_archive, open_store
from tests.audit.logs import Kept, tenant_of, unlocked
from tests.cli.running import run
from tests.source_tree import CHECKOUT
from tests.storage.rows import record


async def _append(storage: str, first: int, last: int) -> None:
    store = open_store(storage)

    for number in range(first, last + 1):
        await store.decisions.append(record(str(number), tenant=tenant_of(number)))

    await store.aclose()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "router.yaml"
    file.write_text("storage: sqlite:///router.db\n", encoding="utf-8")
    anyio.run(_append, f"sqlite:///{tmp_path / 'router.db'}", 1, 12)
    return file


def log_of(config: Path) -> Kept:
    return Kept(database=config.parent / "router.db", anchor=config.parent / "anchor.jsonl")


def told(config: Path) -> list[Record]:
    with open_archive(log_of(config).url) as archive:
        return [one.record for one in archive.records() if one.record.audit is not None]


def ok(*arguments: object) -> str:
    result = run(*(str(one) for one in arguments))
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    return result.stdout


def stand_alone(export: Path, key: Path, anchor: Path) -> str:
    """Return what the stand-alone verifier says of an export that it finds sound."""
    done = subprocess.run(
        [
            *(sys.executable, CHECKOUT / "examples" / "verify_export.py", export),
            *("--public-key", key.read_text(encoding="utf-8").strip(), "--anchor", anchor),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_an_auditor_checks_with_three_commands(config: Path, tmp_path: Path) -> None:
    anchor, key, export = (tmp_path / name for name in ("anchor.jsonl", "key", "log.jsonl"))
    anchor.write_text(ok("audit", "sign", "--config", config), encoding="utf-8")
    key.write_text(ok("audit", "key", "--config", config), encoding="utf-8")

    made = run("audit", "export", "--config", config, "--output", export)
    ours = run("audit", "verify", export, "--public-key", key, "--anchor", anchor)
    theirs = stand_alone(export, key, anchor)

    assert (made.exit_code, made.stderr) == (0, "13 records\n")
    assert ours.exit_code == 0
    assert ours.stdout.startswith("Rows 1 to 13 are whole: 13 read, 2 heads, signed up to row 13.")
    assert theirs.startswith("whole: 13 rows, covered up to row 13 by 2 heads, root ")
    assert ours.stdout.split()[-1] in theirs


def test_a_part_of_the_log_is_proved_as_a_part(config: Path, tmp_path: Path) -> None:
    export = tmp_path / "globex.jsonl"

    made = run("audit", "export", "--config", config, "--output", export, "--tenant", "globex")
    strict = run("audit", "verify", export, "--json")
    result = run("audit", "verify", export, "--part", "--json")

    assert made.stderr == "3 records\n"
    refused, found = json.loads(strict.stdout), json.loads(result.stdout)
    assert (strict.exit_code, refused["ok"]) == (1, False)
    assert (result.exit_code, found["ok"]) == (0, True)
    report = found["report"]
    assert refused["report"] == report
    assert (report["rows"], report["last"], report["signed"]) == (3, 13, 13)
    assert (report["part"], report["left_out"]) == (True, 10)


def test_the_proof_of_a_decision_needs_nothing_else(config: Path) -> None:
    ok("audit", "sign", "--config", config)

    found = json.loads(ok("audit", "verify", "--config", config, "--prove", "dec_7", "--json"))

    proof = found["proof"]
    head = proof["signed"]["head"]
    path = [bytes.fromhex(node) for node in proof["path"]]
    assert (found["ok"], proof["seq"], head["size"]) == (True, 7, 13)
    root, leaf = bytes.fromhex(head["root"]), bytes.fromhex(proof["leaf"])
    assert verify_inclusion(leaf, 6, 13, path, root)


def test_a_decision_that_no_head_covers_or_nobody_knows_has_no_proof(config: Path) -> None:
    early = run("audit", "verify", "--config", config, "--prove", "dec_7")
    unknown = run("audit", "verify", "--config", config, "--prove", "dec_99")

    assert (early.exit_code, unknown.exit_code) == (1, 1)
    assert early.stderr.startswith("invalid_arguments: No signed head covers that decision.")
    assert unknown.stderr.startswith("unknown_decision: ")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_broken_log_names_its_row_and_ends_with_1(config: Path, form: tuple[str, ...]) -> None:
    with unlocked(log_of(config)) as tables:
        tables.execute("UPDATE decisions SET record = record || ' ' WHERE seq = 5")

    result = run("audit", "verify", "--config", config, *form)
    exported = run("audit", "export", "--config", config, "--output", config.parent / "log.jsonl")

    assert result.exit_code == 1
    if form:
        assert json.loads(result.stdout)["report"]["finding"] == {
            "fault": "changed",
            "seq": 5,
            "upto": 5,
            "told": "Row 5 was changed after it was appended.",
        }
    else:
        assert result.stdout == "BROKEN at row 5: Row 5 was changed after it was appended.\n"

    assert exported.exit_code == 1
    assert exported.stderr.startswith("log_broken: Row 5 of the decision log was changed.\n")


def test_a_copy_of_the_database_is_checked_without_settings(config: Path) -> None:
    result = run("audit", "verify", log_of(config).database)

    assert result.exit_code == 0
    assert result.stdout.startswith("Rows 1 to 12 are whole: 12 read, 0 heads")


def test_a_root_must_look_like_one(config: Path) -> None:
    assert run("audit", "verify", "--config", config, "--expect-root", "abc").exit_code == 2


def test_a_key_that_is_rotated_goes_on_to_be_believed(config: Path, tmp_path: Path) -> None:
    key, export, anchor = (tmp_path / name for name in ("key", "log.jsonl", "anchor.jsonl"))
    key.write_text(ok("audit", "key", "--config", config), encoding="utf-8")
    anchor.write_text(ok("audit", "sign", "--config", config), encoding="utf-8")

    rotated = run("audit", "key", "--config", config, "--rotate", "--who", "maya", "--why", "due")
    ok("audit", "sign", "--config", config)

    new = ok("audit", "key", "--config", config)
    assert rotated.exit_code == 0
    assert rotated.stdout == new != key.read_text(encoding="utf-8")
    assert rotated.stderr.startswith(f"The key before it is kept in {tmp_path}/audit-key.pem.")
    verified = ok("audit", "verify", "--config", config, "--public-key", key)
    assert verified.startswith("Rows 1 to 14 are whole: 14 read, 2 heads, signed up to row 14.")
    run("audit", "key", "--config", config, "--rotate", "--who", "maya", "--why", "again")
    third = tmp_path / "third"
    third.write_text(ok("audit", "key", "--config", config), encoding="utf-8")
    assert run("audit", "export", "--config", config, "--output", export).exit_code == 0
    for known in (key, third):  # whoever knows one of the keys believes those before and after it
        assert ok("audit", "verify", export, "--public-key", known, "--anchor", anchor)
        assert "signed with your key" in stand_alone(export, known, anchor)
    assert [(one.principal, one.audit.change) for one in told(config) if one.audit] == [
        ("mcp-router", "keys_changed"),
        ("maya", "keys_changed"),
        ("maya", "keys_changed"),
        (whoever(None), "export_made"),
    ]


def test_heads_of_a_key_that_was_lost_do_not_break_an_export(config: Path, tmp_path: Path) -> None:
    key, export, anchor = (tmp_path / name for name in ("key", "log.jsonl", "anchor.jsonl"))
    ok("audit", "sign", "--config", config)
    (tmp_path / "audit-key.pem").unlink()
    anyio.run(_append, log_of(config).url, 14, 15)
    anchor.write_text(ok("audit", "sign", "--config", config), encoding="utf-8")
    key.write_text(ok("audit", "key", "--config", config), encoding="utf-8")

    store = run("audit", "verify", "--config", config, "--public-key", key)
    assert run("audit", "export", "--config", config, "--output", export).exit_code == 0

    assert (store.exit_code, "nobody vouches for" in store.stdout) == (1, True)
    manifest = json.loads(export.with_name("log.jsonl.manifest.json").read_text(encoding="utf-8"))
    assert manifest["heads"] == []
    assert ok("audit", "verify", export, "--public-key", key, "--anchor", anchor)
    assert stand_alone(export, key, anchor).startswith("whole: 16 rows")


def test_what_is_pruned_leaves_heads_and_a_log_that_verifies(config: Path, tmp_path: Path) -> None:
    old, key = tmp_path / "anchor.jsonl", tmp_path / "key"
    key.write_text(ok("audit", "key", "--config", config), encoding="utf-8")
    older = ok("audit", "sign", "--config", config)
    anyio.run(_append, log_of(config).url, 14, 14)
    old.write_text(older + ok("audit", "sign", "--config", config), encoding="utf-8")
    anyio.run(_append, log_of(config).url, 15, 16)

    none = ok("audit", "prune", "--config", config, "--older-than", "400d", "--who", "maya")
    assert none == "0 records deleted\n"
    # Every row of the test came at one noon: as old as the day this runs on makes it.
    with unlocked(log_of(config)) as tables:
        tables.execute("UPDATE decisions SET at_ms = 1000 WHERE seq <= 14")

    gone = ok("audit", "prune", "--config", config, "--older-than", "400d", "--who", "maya")

    assert gone == "14 records deleted\n"
    verified = ok("audit", "verify", "--config", config, "--anchor", old)
    assert verified.startswith("Rows 15 to 17 are whole: 3 read, 5 heads, signed up to row 16.")
    export = tmp_path / "rest.jsonl"
    assert run("audit", "export", "--config", config, "--output", export).exit_code == 0
    ours = ok("audit", "verify", export, "--public-key", key, "--anchor", old)
    assert ours.startswith("Rows 15 to 17 are whole: 3 read, 3 heads, signed up to row 17.")
    assert "1 heads of fewer than 14 rows were not compared" in ours
    theirs = stand_alone(export, key, old)
    assert theirs.startswith("whole from row 15 on, after the pruning that row 17 tells of: 3 rows")
    assert "1 heads of fewer than 14 rows were not compared" in theirs
    [event] = [one.audit for one in told(config)[:1]]
    assert event is not None
    assert (event.change, event.who, event.size) == ("log_pruned", "maya", 14)


def test_an_age_is_a_number_of_days(config: Path) -> None:
    assert run("audit", "prune", "--config", config, "--older-than", "1y").exit_code == 2


def test_an_export_is_a_row_of_the_log_that_the_next_one_has(config: Path) -> None:
    first = run("audit", "export", "--config", config, "--tenant", "acme")
    second = run("audit", "export", "--config", config)

    assert (first.stderr, second.stderr) == ("9 records\n", "13 records\n")
    [one, _] = [event.audit for event in told(config)]
    assert one is not None
    assert (one.change, one.kind, one.tenant) == ("export_made", "jsonl", "acme")
