"""Whoever has an export tampers with it: both verifiers see it, and name the row."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcp_router.audit.check import Evidence, verify_export
from mcp_router.audit.export import Format, lines
from mcp_router.audit.manifest import Made, Tally
from mcp_router.audit.sources import MANIFEST, PROOFS, Export
from mcp_router.audit.statements import head_statement, read_anchored
from mcp_router.cli.audit_evidence import Cut, write_beside
from mcp_router.errors import FileUnusable
from mcp_router.storage.store import open_archive
from tests.audit.logs import FORGER, SIGNER, written
from tests.source_tree import CHECKOUT

VERIFIER = CHECKOUT / "examples" / "verify_export.py"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An export of the first 31 rows, whole or of one tenant, and the log's anchor."""

    file: Path
    anchor: Path

    def lines(self) -> list[str]:
        return self.file.read_text(encoding="utf-8").splitlines(keepends=True)

    def write(self, lines: list[str]) -> None:
        self.file.write_text("".join(lines), encoding="utf-8")

    def manifest(self) -> dict[str, object]:
        found = json.loads(self.manifest_file.read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found

    def change(self, **fields: object) -> None:
        changed = {**self.manifest(), **fields}
        self.manifest_file.write_text(json.dumps(changed), encoding="utf-8")

    def settle(self) -> None:
        """Make the manifest fit the file, as far as its unsigned fields go."""
        rows = self.lines()
        self.change(rows=len(rows), sha256=hashlib.sha256(self.file.read_bytes()).hexdigest())

    @property
    def manifest_file(self) -> Path:
        return self.file.with_name(self.file.name + MANIFEST)

    @property
    def proofs(self) -> Path:
        return self.file.with_name(self.file.name + PROOFS)


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
                rows = (one for one in archive.records(tenant) if one.seq <= 31)

                with (origin / name).open("w", encoding="utf-8") as file:
                    for line in lines(map(tally.record, rows), Format.JSONL):
                        file.write(tally.line(line))

                made = Made(file=name, kind=Format.JSONL, tenant=tenant, tally=tally)
                write_beside(origin / name, made, archive, Cut(last=31, signed=signed))

    for file in origin.glob("*.jsonl*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())

    return tmp_path


@pytest.fixture
def whole(folder: Path) -> Exported:
    return Exported(file=folder / "all.jsonl", anchor=folder / "anchor.jsonl")


@pytest.fixture
def part(folder: Path) -> Exported:
    return Exported(file=folder / "globex.jsonl", anchor=folder / "anchor.jsonl")


def ours(one: Exported, *, anchor: bool = False) -> int | None:
    """Return the first broken row that `audit verify` names."""
    evidence = Evidence(public_key=SIGNER.public_key, anchor=one.anchor if anchor else None)
    finding = verify_export(Export(one.file), evidence).finding
    return None if finding is None else finding.seq


def theirs(one: Exported, *, anchor: bool = False) -> int | None:
    """Return the first broken row that the stand-alone verifier names, outside of our tree."""
    options = ["--anchor", str(one.anchor)] if anchor else []
    done = subprocess.run(
        [sys.executable, "-I", VERIFIER, one.file, "--public-key", SIGNER.public_key, *options],
        capture_output=True,
        text=True,
        cwd=one.file.parent,
        timeout=30,
    )
    assert "Traceback" not in done.stderr, done.stderr
    found = re.match(r"BROKEN at row (\d+): ", done.stderr)
    assert (done.returncode, found is None) in ((0, True), (1, False)), done.stderr
    return int(found[1]) if found else None


def swapped(one: Exported, first: int, second: int) -> None:
    rows = one.lines()
    rows[first - 1], rows[second - 1] = rows[second - 1], rows[first - 1]
    one.write(rows)


def edited(
    one: Exported, place: int, old: str = '"outcome":"ok"', new: str = '"outcome":"no"'
) -> None:
    rows = one.lines()
    assert old in rows[place - 1]
    rows[place - 1] = rows[place - 1].replace(old, new)
    one.write(rows)


def cut(one: Exported, *places: int) -> None:
    one.write([row for place, row in enumerate(one.lines(), start=1) if place not in places])


def put(one: Exported, place: int, row: str) -> None:
    rows = one.lines()
    rows.insert(place - 1, row)
    one.write(rows)


def rooted(one: Exported, root: str) -> None:
    """Write another root into the manifest's head, the signature as it was."""
    head = one.manifest()["head"]
    assert isinstance(head, dict)
    one.change(head={**head, "root": root})


def forged(one: Exported) -> None:
    """Sign the manifest's head with a key of one's own."""
    head, _ = read_anchored(one.manifest())
    mine = {**vars_of(one), "key_id": FORGER.key_id}
    statement = head_statement(head.head).replace(SIGNER.key_id.encode(), FORGER.key_id.encode())
    one.change(
        head=mine,
        signature=FORGER.sign(statement),
        public_key=FORGER.public_key,
        keys=[{"key_id": FORGER.key_id, "public_key": FORGER.public_key}],
    )


def vars_of(one: Exported) -> dict[str, object]:
    head = one.manifest()["head"]
    assert isinstance(head, dict)
    return head


TAMPERED: dict[str, tuple[Callable[[Exported], object], int, int]] = {
    # what is done, the first row that we name, and that the stand-alone verifier names
    "edited": (lambda one: edited(one, 5), 1, 1),
    "edited in the last row": (lambda one: edited(one, 31), 1, 1),
    "a space in between": (lambda one: edited(one, 5, '"tool":', '"tool": '), 1, 5),
    "a name twice": (lambda one: edited(one, 5, '{"at_ms"', '{"at_ms":1,"at_ms"'), 1, 5),
    "other JSON after it": (lambda one: edited(one, 5, "}\n", "} {}\n"), 5, 5),
    "names swapped": (
        lambda one: edited(one, 5, '{"record":', '{"seq":5,"record":'),
        5,
        5,
    ),
    "no JSON": (lambda one: edited(one, 5, '{"record":', "x"), 5, 5),
    "another number": (lambda one: edited(one, 5, '"seq":5', '"seq":6'), 5, 5),
    "deleted": (lambda one: cut(one, 5), 5, 5),
    "the first deleted": (lambda one: cut(one, 1), 1, 1),
    "two deleted": (lambda one: cut(one, 5, 6), 5, 5),
    "the end cut off": (lambda one: cut(one, 30, 31), 30, 30),
    "everything deleted": (lambda one: one.write([]), 1, 1),
    "swapped": (lambda one: swapped(one, 5, 6), 5, 5),
    "a row again": (lambda one: put(one, 6, one.lines()[4]), 5, 6),
    "an empty line": (lambda one: put(one, 6, "\n"), 6, 6),
    "a forged row at the end": (
        lambda one: put(one, 32, one.lines()[4].replace('"seq":5', '"seq":32')),
        32,
        32,
    ),
    "the last line break taken away": (
        lambda one: one.file.write_bytes(one.file.read_bytes()[:-1]),
        31,
        32,
    ),
    "another root": (lambda one: rooted(one, "00" * 32), 31, 31),
    "signed by somebody else": (forged, 31, 31),
    "a signature that is none": (lambda one: one.change(signature="zz"), 31, 31),
    "begun elsewhere": (
        lambda one: one.change(before={"size": 0, "chain": "11" * 32, "frontier": []}),
        1,
        1,
    ),
    "begun later": (
        lambda one: (
            cut(one, 1),
            one.change(before={"size": 1, "chain": "11" * 32, "frontier": ["22" * 32]}),
        ),
        2,
        2,
    ),
    "another number of rows": (lambda one: one.change(rows=30), 31, 32),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_it_shows_in_an_export(whole: Exported, how: str) -> None:
    tamper, we_name, they_name = TAMPERED[how]

    tamper(whole)

    assert (ours(whole), theirs(whole)) == (we_name, they_name)


@pytest.mark.parametrize("how", ["edited", "deleted", "swapped", "the end cut off"])
def test_a_manifest_that_was_made_to_fit_does_not_help(whole: Exported, how: str) -> None:
    tamper, we_name, they_name = TAMPERED[how]

    tamper(whole)
    whole.settle()

    assert (ours(whole), theirs(whole)) == (we_name, they_name)


def test_a_cut_that_takes_the_head_along_shows_against_the_anchor(whole: Exported) -> None:
    cut(whole, *range(26, 32))
    whole.settle()
    rest = {key: value for key, value in whole.manifest().items() if key not in ("head",)}
    whole.manifest_file.write_text(json.dumps({**rest, "last_seq": 25}), encoding="utf-8")

    assert (ours(whole), theirs(whole)) == (None, None)
    assert (ours(whole, anchor=True), theirs(whole, anchor=True)) == (26, 26)


def test_what_was_exported_is_whole_and_fits_its_anchor(whole: Exported, part: Exported) -> None:
    for one in (whole, part):
        assert (ours(one), theirs(one)) == (None, None)
        assert (ours(one, anchor=True), theirs(one, anchor=True)) == (None, None)


def test_a_part_of_the_log_cannot_be_tampered_with_either(part: Exported) -> None:
    before = {path: path.read_bytes() for path in (part.file, part.proofs)}

    def broken(tamper: Callable[[], object]) -> tuple[int | None, int | None]:
        for path, content in before.items():
            path.write_bytes(content)

        tamper()
        return ours(part), theirs(part)

    gaps = part.proofs.read_text(encoding="utf-8").splitlines(keepends=True)

    def gapped(lines: list[str]) -> object:
        return part.proofs.write_text("".join(lines), encoding="utf-8")

    assert [json.loads(row)["seq"] for row in part.lines()] == [4, 8, 12, 16, 20, 24, 28]
    assert broken(lambda: edited(part, 2)) == (1, 1)
    assert broken(lambda: cut(part, 2)) == (8, 8)
    assert broken(lambda: gapped(gaps[1:])) == (1, 1)
    assert broken(lambda: gapped(gaps[:-1])) == (31, 31)
    assert broken(lambda: gapped([gaps[0].replace('"level":1', '"level":0'), *gaps[1:]])) == (2, 2)
    zeros = json.dumps({**json.loads(gaps[0]), "hash": "00" * 32}) + "\n"
    assert broken(lambda: gapped([zeros, *gaps[1:]])) == (1, 1)


def test_an_export_without_its_manifest_says_what_to_name(whole: Exported) -> None:
    whole.manifest_file.unlink()

    with pytest.raises(FileUnusable) as caught:
        Export(whole.file)

    assert "audit export --output" in caught.value.advice


def test_the_stand_alone_verifier_can_be_read_in_five_minutes() -> None:
    lines_of_code = VERIFIER.read_text(encoding="utf-8").splitlines()

    assert len(lines_of_code) <= 175
    assert "mcp_router" not in "".join(one for one in lines_of_code if "import" in one)
